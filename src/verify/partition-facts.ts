import { type AcceptedGap, acceptedOf } from '../domain/accepted-gap.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { keyOf, type PartitionKey, type TargetOffset, type TopicName } from '../domain/ids.ts'
import { hidesBelow, type Mark, type Seal } from '../domain/mark.ts'
import { indexFromEnds, type OffsetIndex } from '../domain/offset-index.ts'
import { offsetMapOf, type PartitionProgress } from '../domain/partition-progress.ts'
import type { LostRange, MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { coveredTo, watchedEnd } from '../domain/stranded.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { makeAnew } from './make-anew.ts'

/** What the brokers say of one marked partition, and what is wrong before a record is compared. */
export interface PartitionFacts {
  readonly key: PartitionKey
  readonly mark: Mark
  readonly seal: Seal | undefined
  readonly sourceStart: bigint
  readonly sourceStable: bigint
  readonly sourceEnd: bigint
  readonly targetStart: bigint
  /** The log end, or the sealed end. */
  readonly targetEnd: bigint
  /** Ranges that are on neither side by decision. */
  readonly accepted: readonly AcceptedGap[]
  /** What came late and is on no cluster, by decision. */
  readonly lost: readonly LostRange[]
  /** Absent where nothing can be compared: then `problems` says why. */
  readonly index: OffsetIndex | undefined
  readonly problems: readonly Diagnostic[]
}

export interface BothClusters {
  readonly source: Cluster
  readonly target: Cluster
}

/** Reads the positions of all marked partitions, one request per broker, side and kind of offset. */
export const readFacts = async (
  clusters: BothClusters,
  state: Pick<
    MigrationState,
    'migration' | 'marks' | 'seals' | 'salvages' | 'lost' | 'reverse' | 'acceptedGaps'
  >,
  marks: readonly Mark[],
  progress: ReadonlyMap<PartitionKey, PartitionProgress>,
): Promise<readonly PartitionFacts[]> => {
  const { source, target } = clusters
  const [targetEnd, targetStart, sourceStart] = await Promise.all([
    target.listOffsets(marks, 'latest'),
    target.listOffsets(marks, 'earliest'),
    source.listOffsets(marks, 'earliest'),
  ])
  // The mirror may be running: the source is asked after the target, so that whatever the target holds was there before.
  const [sourceStable, sourceEnd] = await Promise.all([
    source.listOffsets(marks, 'stable'),
    source.listOffsets(marks, 'latest'),
  ])
  const recreated = await recreatedTopics(clusters, marks, state.migration)
  return marks.map((mark) => {
    const key = keyOf(mark)
    const answers = { sourceStart, sourceStable, sourceEnd, targetStart, targetEnd }
    const seal = placesOf(state).seals.get(key)
    const stored = progress.get(key)
    return factsOf({
      mark,
      seal,
      late: seal && lateRange(seal, state, sourceEnd.ok.get(key) ?? 0n),
      progress: stored?.producerId === mark.producerId ? stored : undefined,
      accepted: acceptedOf(mark, state.acceptedGaps),
      lost: state.lost.filter((each) => keyOf(each) === key),
      offsets: Object.fromEntries(
        Object.entries(answers).map(([name, { ok }]) => [name, ok.get(key) ?? 0n]),
      ) as Record<keyof typeof answers, bigint>,
      // Of a topic that is gone no offset could be answered: that is said once.
      problems: recreated.get(mark.topic) ?? [
        ...new Map(
          Object.values(answers)
            .flatMap(({ failed }) => failed.get(key) ?? [])
            .map((each) => [each.detail, each]),
        ).values(),
      ],
      names: { migration: state.migration, source: source.name, target: target.name },
    })
  })
}

interface Facts {
  readonly mark: Mark
  readonly seal: Seal | undefined
  /** Of a sealed source: what neither the seal nor a salvage nor the way back accounts for. */
  readonly late: { readonly from: bigint; readonly to: bigint } | undefined
  readonly progress: PartitionProgress | undefined
  readonly accepted: readonly AcceptedGap[]
  readonly lost: readonly LostRange[]
  readonly offsets: Record<
    'sourceStart' | 'sourceStable' | 'sourceEnd' | 'targetStart' | 'targetEnd',
    bigint
  >
  readonly problems: readonly Diagnostic[]
  readonly names: Readonly<Record<'migration' | 'source' | 'target', string>>
}

const factsOf = ({
  mark,
  seal,
  late,
  progress,
  accepted,
  lost,
  offsets,
  problems,
  names,
}: Facts): PartitionFacts => {
  const key = keyOf(mark)
  const { targetEnd, sourceStable } = offsets
  const facts = {
    key,
    mark,
    seal,
    ...offsets,
    targetEnd: seal?.targetEnd ?? targetEnd,
    accepted,
    lost,
    index: undefined,
  }
  if (problems.length > 0) return { ...facts, problems }
  const lowest = seal?.targetEnd ?? mark.targetStart
  if (targetEnd < lowest) {
    const what = seal === undefined ? 'the mark' : 'the sealed end'
    return { ...facts, problems: [lostEnd(mark, targetEnd, what, lowest, names)] }
  }
  const index = indexFromEnds(
    offsetMapOf(mark, progress, accepted),
    seal ?? (targetEnd as TargetOffset),
  )
  const found: Diagnostic[] = []
  if (progress?.problem) found.push(progress.problem)
  if (seal === undefined && index.mirroredTo > sourceStable) {
    found.push(tooMuch(index, sourceStable, targetEnd, names))
    return { ...facts, problems: found }
  }
  if (hidesBelow(mark) && offsets.targetStart < mark.targetStart) {
    found.push(readableBelow(key, offsets.targetStart, mark, names))
  }
  if (late !== undefined) found.push(cameLate(key, late.from, late.to, names))
  return { ...facts, index, problems: found }
}

const lostEnd = (
  mark: Mark,
  end: bigint,
  what: string,
  lowest: bigint,
  { migration, target }: Facts['names'],
): Diagnostic =>
  diagnostic({
    code: 'FERRY1806',
    detail: `${keyOf(mark)}: the log on ${target} ends at ${end}, below ${what} at ${lowest}: offsets ${end} to ${lowest - 1n} were there and are gone.`,
    fix: `Find out what happened to the target (an unclean leader election, a topic that was deleted), then ${makeAnew(migration, mark)}.`,
  })

const readableBelow = (
  key: PartitionKey,
  start: bigint,
  { targetStart }: Mark,
  { target, migration }: Facts['names'],
): Diagnostic =>
  diagnostic({
    code: 'FERRY1814',
    detail: `${key}: the log on ${target} begins at ${start}, below the mark at ${targetStart}: offsets ${start} to ${targetStart - 1n} can be read, where Ferry had deleted filler or an earlier copy. A crash of its brokers may have brought that back; where the log has lost its end as well it may be what others wrote since.`,
    fix: `Run \`ferry mirror ${migration}\`: before anything else it looks whose that is, and deletes it again if it is Ferry's own. Then verify again.`,
  })

const tooMuch = (
  { mark, mirroredTo }: OffsetIndex,
  sourceStable: bigint,
  targetEnd: bigint,
  names: Facts['names'],
): Diagnostic => {
  const excess = mirroredTo - sourceStable
  return diagnostic({
    code: 'FERRY1805',
    detail: `${keyOf(mark)}: the log on ${names.target} ends at ${targetEnd}, which is ${excess} past everything that ${names.source} holds (up to ${sourceStable}): somebody else wrote there, or the source lost its end. No record was compared.`,
    fix: `Find out who may write to the topic on ${names.target}, and whether ${names.source} lost a leader, then ${makeAnew(names.migration, mark)}.`,
  })
}

const lateRange = (
  seal: Seal,
  state: Pick<MigrationState, 'salvages' | 'lost' | 'reverse'>,
  sourceEnd: bigint,
): Facts['late'] => {
  const from = coveredTo(seal, state)
  const to = watchedEnd(seal, state, sourceEnd)
  return to > from ? { from, to } : undefined
}

const cameLate = (
  key: PartitionKey,
  covered: bigint,
  end: bigint,
  { migration, source }: Facts['names'],
): Diagnostic =>
  diagnostic({
    code: 'FERRY1807',
    detail: `${key}: ${source} was sealed at offset ${covered} and now ends at ${end}: offsets ${covered} to ${end - 1n} came after the seal and are not on the target.`,
    fix: `Stop the producer that still writes to ${source}. Before producers are let onto the target, the next plan opens the seal again; after it, \`ferry salvage ${migration}\` appends these records once.`,
  })

/** Topics that are not the ones of the mark any more. Brokers before 2.8 have no ids to tell. */
const recreatedTopics = async (
  clusters: BothClusters,
  marks: readonly Mark[],
  migration: string,
): Promise<ReadonlyMap<TopicName, readonly Diagnostic[]>> => {
  const names = [...new Set(marks.map(({ topic }) => topic))]
  const problems = new Map<TopicName, Diagnostic[]>()
  for (const side of ['source', 'target'] as const) {
    const cluster = clusters[side]
    const { ok, failed } = await cluster.describeTopics(names)
    for (const name of names) {
      const found = ok.get(name)
      const mark = marks.find(({ topic }) => topic === name)!
      const was = side === 'source' ? mark.sourceTopicId : mark.targetTopicId
      const problem =
        found === undefined
          ? failed.get(name)
          : found === 'absent'
            ? anotherTopic(mark, migration, side, cluster.name, 'is gone, but was there')
            : was !== undefined && found.topicId !== undefined && found.topicId !== was
              ? anotherTopic(
                  mark,
                  migration,
                  side,
                  cluster.name,
                  `has id ${found.topicId}, but had ${was}`,
                )
              : undefined
      if (problem !== undefined) problems.set(name, [...(problems.get(name) ?? []), problem])
    }
  }
  return problems
}

const anotherTopic = (
  mark: Mark,
  migration: string,
  side: 'source' | 'target',
  cluster: string,
  what: string,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1809',
    detail: `${mark.topic} on ${cluster} ${what} at the mark: what was recorded about it holds no more, and no record was compared.`,
    fix:
      side === 'target'
        ? `Find out who deleted it; then ${makeAnew(migration, mark)}.`
        : `Find out who deleted it. What is on the other side is the copy of the topic that was there: keep it for as long as anybody may need it; then ${makeAnew(migration, mark)}.`,
  })
