import type { CopyLook } from '../domain/copy-progress.ts'
import {
  type PartitionKey,
  partitionKey,
  type TargetOffset,
  type TopicName,
} from '../domain/ids.ts'
import type { Mark, Seal } from '../domain/mark.ts'
import type { Migration } from '../domain/migration.ts'
import { indexFromEnds, type OffsetIndex, rankOf } from '../domain/offset-index.ts'
import { offsetMapOf, type PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import { strandedRanges } from '../domain/stranded.ts'
import { lostCopy, type Observed, type ObservedSide, partitionAt } from '../planner/observed.ts'

/** What says how far a copy is. */
export interface LookParts {
  readonly migration: Migration
  readonly state: MigrationState
  readonly observed: Observed
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
}

/** What the state says of each partition, to be found without searching: there may be a hundred thousand. */
export interface Known {
  readonly marks: ReadonlyMap<TopicName, readonly Mark[]>
  readonly seals: ReadonlyMap<PartitionKey, Seal>
  /** That of an older mark is void, and not in it. */
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  /** How much of a sealed partition came late, up to this end of the source, and is on the source alone. */
  readonly late: (seal: Seal, end: bigint) => bigint
}

export const knownOf = ({ state, progress }: LookParts): Known => {
  const marks = new Map<TopicName, Mark[]>()
  const producers = new Map<PartitionKey, bigint>()
  for (const mark of state.marks) {
    const list = marks.get(mark.topic)
    if (list === undefined) marks.set(mark.topic, [mark])
    else list.push(mark)
    producers.set(partitionKey(mark.topic, mark.partition), mark.producerId)
  }
  return {
    marks,
    seals: new Map(state.seals.map((each) => [partitionKey(each.topic, each.partition), each])),
    progress: new Map(
      [...progress].filter(([key, each]) => producers.get(key) === each.producerId),
    ),
    late: (seal, end) =>
      strandedRanges({ ...state, seals: [seal] }, () => end).reduce(
        (sum, { from, to }) => sum + (to - from),
        0n,
      ),
  }
}

/** How far a marked partition is. */
export interface Place {
  readonly index: OffsetIndex
  readonly sealed: boolean
  readonly problem: PartitionProgress['problem']
  /** What is not yet stable cannot be mirrored, so it is not lag either. Undefined: the source did not say. */
  readonly sourceStable: bigint | undefined
  /** Source offsets that are not accounted for yet; null where the source did not say. */
  readonly lag: number | null
}

/** Undefined where the copy is not there any more: then nothing of what was recorded of it holds. */
export const placeOf = (mark: Mark, observed: Observed, known: Known): Place | undefined => {
  if (lostCopy(mark, observed) !== undefined) return undefined
  const { seal, ...place } = foundAt(mark, observed, known)
  const { index, sourceStable } = place
  if (sourceStable === undefined) return { ...place, lag: null }
  const left = seal ? known.late(seal, sourceStable) : sourceStable - (index.mirroredTo as bigint)
  return { ...place, lag: Math.max(0, Number(left)) }
}

const foundAt = (
  mark: Mark,
  observed: Observed,
  known: Known,
): Omit<Place, 'lag'> & { readonly seal?: Seal } => {
  const key = partitionKey(mark.topic, mark.partition)
  const progress = known.progress.get(key)
  const seal = known.seals.get(key)
  const target = partitionOf(observed.target, mark)
  const sourceStable = partitionOf(observed.source, mark)?.lastStable
  const map = offsetMapOf(mark, progress)
  const said = { ...map, mirroredTo: progress?.mirroredTo ?? mark.sourceStart }
  const problem = progress?.problem ?? null
  if (seal !== undefined) {
    return { index: indexFromEnds(map, seal), sealed: true, seal, problem, sourceStable }
  }
  const end = target?.highWatermark
  // An end that cannot be right (cut off, or written to by others) is not believed; the mirror stops there and says why.
  if (problem !== null || end === undefined || end < mark.targetStart) {
    return { index: said, sealed: false, problem, sourceStable }
  }
  const index = indexFromEnds(map, end as TargetOffset)
  const tooFar = sourceStable !== undefined && index.mirroredTo > sourceStable
  return { index: tooFar ? said : index, sealed: false, problem, sourceStable }
}

export const partitionOf = (
  side: ObservedSide,
  { topic, partition }: Pick<Mark, 'topic' | 'partition'>,
) => partitionAt(side.topics.get(topic), partition)

/** How far the copy of each marked topic is at this look, for the meter. */
export const looksOf = (parts: LookParts): readonly CopyLook[] => {
  const known = knownOf(parts)
  return parts.migration.topics.flatMap((topic): readonly CopyLook[] => {
    const marks = known.marks.get(topic.name) ?? []
    const places = marks.flatMap((mark) => placeOf(mark, parts.observed, known) ?? [])
    if (places.length === 0) return []
    const records = places.reduce((sum, { index }) => sum + rankOf(index, index.mirroredTo), 0n)
    const left = places.reduce((sum, { lag }) => sum + (lag ?? 0), 0)
    const size = Math.max(
      0,
      ...(parts.observed.source.topics.get(topic.name)?.partitions ?? []).map(
        ({ sample }) => sample?.recordBytes ?? 0,
      ),
    )
    const bytes = size === 0 ? null : Math.round(Number(records) * size)
    return [{ topic: topic.name, records: Number(records), bytes, left }]
  })
}
