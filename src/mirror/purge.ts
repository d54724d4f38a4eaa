import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { PartitionEnd } from '../domain/emptied.ts'
import { type PartitionKey, partitionKey } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { PartitionProgress, Purge } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { checkTail } from './check-tail.ts'
import { type LogEnds, LogReader, raiseLogStart } from './log-reader.ts'
import { MarkedOffsets } from './marked-offsets.ts'
import type { MirrorTimings } from './mirror.ts'
import { settleUnderLock, untilSettled } from './settled.ts'
import type { PartitionLock } from './with-partitions.ts'

const SEQUENCES = 2 ** 31

export interface PurgeOptions {
  readonly target: Cluster
  readonly purge: Purge
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  /** Of the topic as it is now. */
  readonly targetTopicId: string | undefined
  /** Up to where partitions were emptied before: below that nothing is looked at. */
  readonly emptied: ReadonlyMap<number, bigint>
  readonly partitions: readonly number[]
  /**
   * `copy`: refuses if anything in it was not written by the mirror. `copied-back`: refuses if it does not end where what was mirrored back
   * to the source ends. Both before anything is deleted.
   */
  readonly mayDelete: 'copy' | 'copied-back' | 'all'
  /** Held on all partitions; see `withPartitions`. */
  readonly lock: PartitionLock
  readonly timings: MirrorTimings
  readonly signal: AbortSignal
  readonly report?: (line: string) => void
}

/** Where the logs end that are empty now, or why nothing was deleted. */
export type Purged =
  | { readonly ends: readonly PartitionEnd[]; readonly problem?: undefined }
  | { readonly problem: Diagnostic }

/** Empties the target partitions of marks that were taken back. Safe to call again. */
export const purgeTopic = async (options: PurgeOptions): Promise<Purged> => {
  const { purge, partitions, lock, target } = options
  const reader = new LogReader(target)
  try {
    const wrong = options.mayDelete === 'all' ? undefined : otherTopic(options)
    if (wrong) return { problem: wrong }
    const logs = new Map<number, LogEnds>()
    for (const partition of partitions) {
      const key = partitionKey(purge.topic, partition)
      await settleUnderLock(key, reader, options)
      const log = await endsOf(partition, key, reader, options)
      const rest = aboveEmptied(partition, log, options)
      const problem =
        options.mayDelete === 'copy'
          ? await foreign(partition, key, rest, reader, options)
          : options.mayDelete === 'copied-back'
            ? notCopiedBack(partition, key, rest, options)
            : undefined
      if (problem) return { problem }
      logs.set(partition, log)
    }
    for (const [partition, { start, end }] of logs) {
      if (start === end) continue
      const key = partitionKey(purge.topic, partition)
      await lock.write([key], () => raiseLogStart(target, reader, key, end))
    }
    return { ends: [...logs].map(([partition, { end }]) => ({ partition, end: BigInt(end) })) }
  } finally {
    await reader.close()
  }
}

/** Right after a crash a leader may announce less than it holds. What it does not hold by then was lost. */
const endsOf = async (
  partition: number,
  key: PartitionKey,
  reader: LogReader,
  { emptied, timings, signal }: PurgeOptions,
): Promise<LogEnds> => {
  const log = await reader.ends(key)
  if (log.end >= Number(emptied.get(partition) ?? 0n)) return log
  await untilSettled(reader, key, timings.requestTimeoutMs, signal)
  return reader.ends(key)
}

/** What a crash has brought back was looked at when it was deleted. */
const aboveEmptied = (
  partition: number,
  { start, end }: LogEnds,
  { emptied }: PurgeOptions,
): LogEnds => ({
  start: Math.min(Math.max(start, Number(emptied.get(partition) ?? 0n)), end),
  end,
})

const otherTopic = ({ purge, targetTopicId, target }: PurgeOptions): Diagnostic | undefined => {
  const marked = purge.marks[0]?.targetTopicId
  if (marked === undefined || targetTopicId === undefined || marked === targetTopicId) {
    return undefined
  }
  return notOnlyTheCopy(
    `${purge.topic} on ${target.name} has id ${targetTopicId}; the one that was mirrored had ${marked}. Somebody made it anew.`,
  )
}

/** A log that is empty was emptied by an attempt that did not come to its end. */
const notCopiedBack = (
  partition: number,
  key: PartitionKey,
  { start, end }: LogEnds,
  { purge, target }: PurgeOptions,
): Diagnostic | undefined => {
  const known = purge.copiedBackTo?.find((each) => each.partition === partition)?.end
  if (start === end || known === BigInt(end)) return undefined
  return notOnlyTheCopy(
    known === undefined
      ? `${key} on ${target.name} holds offsets ${start} to ${end - 1}, which were not mirrored back.`
      : `${key} on ${target.name} ends at ${end}; up to ${known} was mirrored back.`,
  )
}

/** What is not by headers the mirror's own: of its mark, or filler of a prime that did not come to its end. */
const foreign = async (
  partition: number,
  key: PartitionKey,
  { start, end }: LogEnds,
  reader: LogReader,
  { purge, progress, signal, target }: PurgeOptions,
): Promise<Diagnostic | undefined> => {
  const read = (of: PartitionKey, offset: number, bytes: number) => reader.read(of, offset, bytes)
  const mark = purge.marks.find((m) => m.partition === partition)
  if (start === end) return undefined
  if (mark === undefined && purge.intent === null) {
    return notOnlyTheCopy(
      `${key} on ${target.name} holds offsets ${start} to ${end - 1}, which Ferry did not write.`,
    )
  }
  const stored = progress.get(key)
  const from = mark === undefined ? start : checkedTo(stored, mark)
  const copy = mark && new MarkedOffsets(mark)
  if (stored?.producerId === mark?.producerId && stored !== undefined) copy?.resume(stored)
  const tail = await checkTail(
    {
      key,
      producerId: Number(mark?.producerId ?? purge.intent?.fillerProducerId),
      producerEpoch: mark?.producerEpoch ?? purge.intent?.fillerProducerEpoch ?? 0,
      ...copy?.markers,
      sequenceOf: (offset) => copy?.sequenceOf(offset) ?? offset % SEQUENCES,
    },
    read,
    { from: Math.max(start, from), end },
    signal,
  )
  return tail.problem && notOnlyTheCopy(tail.problem.detail)
}

const checkedTo = (stored: PartitionProgress | undefined, mark: Mark): number =>
  Number(stored?.producerId === mark.producerId ? stored.checkedTo : mark.targetStart)

const notOnlyTheCopy = (detail: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1331',
    detail,
    fix: 'Nothing was deleted. Look at what it holds; if nobody needs it, delete the topic on the target by hand, then run it again.',
  })
