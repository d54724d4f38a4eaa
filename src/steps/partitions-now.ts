import { setTimeout as pause } from 'node:timers/promises'
import { valuesOf } from '../domain/answers.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import {
  type PartitionKey,
  partitionKey,
  type TargetOffset,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import type { Mark, Seal } from '../domain/mark.ts'
import { indexFromEnds, type OffsetIndex } from '../domain/offset-index.ts'
import { offsetMapOf } from '../domain/partition-progress.ts'
import { placesOf } from '../domain/state-places.ts'
import type { Cluster, OffsetAt } from '../kafka/cluster.ts'
import type { Run } from './step-kind.ts'

/** Together as long as followers take to ask a leader after a start. */
const MOST_LOOKS = 20
const LOOK_EVERY_MS = 500

/** One marked partition as the brokers and the mirror's progress tell it at this moment. */
export interface PartitionNow {
  readonly key: PartitionKey
  readonly mark: Mark
  readonly seal: Seal | undefined
  readonly sourceStart: bigint
  /** High watermark. */
  readonly sourceEnd: bigint
  readonly sourceStable: bigint
  readonly targetStart: bigint
  readonly targetEnd: bigint
  /** Up to the target's log end: how far the copy is, if all of that end is the mirror's own. */
  readonly index: OffsetIndex
  /**
   * Up to where the mirror has said that it checked the target, with every gap below: what positions may be translated by. Follows
   * `index` within seconds; after the seal it is the sealed end.
   */
  readonly proven: OffsetIndex
  /** Why the mirror stopped there, if it did. */
  readonly problem: Diagnostic | null
}

/** Offsets of many partitions, all of them or an error. */
export const offsetsOf = async (
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: OffsetAt,
): Promise<ReadonlyMap<PartitionKey, bigint>> => valuesOf(await cluster.listOffsets(partitions, at))

/**
 * Reads every marked partition of the topics. Up to the seal the target's log end says how far the mirror is, since only the mirror
 * writes there (the mirror itself checks that by batch headers and stops otherwise); after it the seal says so.
 */
export const partitionsNow = async (
  run: Pick<Run, 'clusters' | 'store' | 'migration' | 'state'>,
  topics: readonly TopicName[],
): Promise<ReadonlyMap<PartitionKey, PartitionNow>> => {
  const wanted = new Set<TopicName>(topics)
  const state = run.state()
  const marks = state.marks.filter((mark) => wanted.has(mark.topic))
  const { source, target } = run.clusters
  // In this order while the mirror runs: what it said is on the target, and what is on the target was on the source.
  const progress = await run.store.readProgress(run.migration.name)
  const [targetStart, targetEnd] = await Promise.all([
    offsetsOf(target, marks, 'earliest'),
    endsAboveMarks(target, marks),
  ])
  const [sourceStart, sourceEnd, sourceStable] = await Promise.all([
    offsetsOf(source, marks, 'earliest'),
    offsetsOf(source, marks, 'latest'),
    offsetsOf(source, marks, 'stable'),
  ])
  const now = new Map<PartitionKey, PartitionNow>()
  for (const mark of marks) {
    const key = partitionKey(mark.topic, mark.partition)
    const seal = placesOf(state).seals.get(key)
    const stored = progress.get(key)
    const ours = stored?.producerId === mark.producerId ? stored : undefined
    const end = targetEnd.get(key)!
    if (end < mark.targetStart) throw new FerryError(lostRecords(key, end, mark))
    const map = offsetMapOf(mark, ours, state.acceptedGaps)
    const index = indexFromEnds(map, seal ?? (end as TargetOffset))
    now.set(key, {
      key,
      mark,
      seal,
      sourceStart: sourceStart.get(key)!,
      sourceEnd: sourceEnd.get(key)!,
      sourceStable: sourceStable.get(key)!,
      targetStart: targetStart.get(key)!,
      targetEnd: end,
      index,
      proven: seal ? index : { ...map, mirroredTo: ours?.mirroredTo ?? mark.sourceStart },
      problem: ours?.problem ?? null,
    })
  }
  return now
}

/**
 * Right after a crash a leader answers with a high watermark that is too low, down to 0, until its followers have asked it. So an end below a
 * mark is asked for again for a while before it means anything.
 */
const endsAboveMarks = async (
  target: Cluster,
  marks: readonly Mark[],
): Promise<ReadonlyMap<PartitionKey, bigint>> => {
  for (let attempt = 1; ; attempt++) {
    const ends = await offsetsOf(target, marks, 'latest')
    const isBelow = ({ topic, partition, targetStart }: Mark) =>
      ends.get(partitionKey(topic, partition))! < targetStart
    if (attempt >= MOST_LOOKS || !marks.some(isBelow)) return ends
    await pause(LOOK_EVERY_MS)
  }
}

/** Records between what is mirrored and the source's end; never negative in a sound partition. */
export const lagOf = (partition: PartitionNow): bigint =>
  partition.sourceEnd - partition.index.mirroredTo

const lostRecords = (key: PartitionKey, end: bigint, mark: Mark): Diagnostic =>
  diagnostic({
    code: 'FERRY1320',
    detail: `The target's log of ${key} ends at ${end}, below the mark at ${mark.targetStart}: the target lost what it had acknowledged.`,
    fix: 'Find out what happened to the target (an unclean election, a deleted topic). The partition must be mirrored again from a new mark.',
  })
