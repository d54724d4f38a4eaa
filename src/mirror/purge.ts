import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { PartitionEnd } from '../domain/emptied.ts'
import { type PartitionKey, partitionKey } from '../domain/ids.ts'
import { isOther } from '../domain/mark.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Purge } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { strangerBelow } from './below-mark.ts'
import { checkTail, type Ours } from './check-tail.ts'
import { type LogEnds, LogReader, raiseLogStart } from './log-reader.ts'
import { MarkedOffsets } from './marked-offsets.ts'
import type { MirrorTimings } from './mirror.ts'
import { foreignBelow } from './problems.ts'
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
    await settleTogether(reader, options)
    for (const partition of partitions) {
      const key = partitionKey(purge.topic, partition)
      const log = await endsOf(key, reader, options)
      const rest = aboveEmptied(partition, log, options)
      const problem =
        cutShort(partition, key, log, options) ??
        (options.mayDelete === 'copy'
          ? await foreign(partition, key, rest, reader, options)
          : options.mayDelete === 'copied-back'
            ? notCopiedBack(partition, key, rest, options)
            : undefined)
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

/**
 * Each waits for as long as a request may be on its way: all at a time, or a topic of a hundred partitions takes half an hour. Where one fails the
 * others wait no longer, and it is told once they have ended: who called gives the lock back then, and closes the connections.
 */
const settleTogether = async (reader: LogReader, options: PurgeOptions): Promise<void> => {
  const { topic } = options.purge
  let isSaid = false
  const report = () => {
    if (!isSaid) options.report?.(`waiting for requests that may still be on their way to ${topic}`)
    isSaid = true
  }
  const failing = new AbortController()
  const signal = AbortSignal.any([options.signal, failing.signal])
  await Promise.all(
    options.partitions.map((partition) =>
      settleUnderLock(partitionKey(topic, partition), reader, {
        ...options,
        signal,
        report,
      }).catch((error: unknown) => failing.abort(error)),
    ),
  )
  failing.signal.throwIfAborted()
}

/** Right after a crash a leader may announce less than it holds. What it does not hold by then was lost. */
const endsOf = async (
  key: PartitionKey,
  reader: LogReader,
  { timings, signal }: PurgeOptions,
): Promise<LogEnds> => {
  const { end } = await reader.logEnd(key)
  const log = await reader.ends(key)
  if (log.end >= end) return log
  await untilSettled(reader, key, timings.requestTimeoutMs, signal)
  return reader.ends(key)
}

/** The end of what was emptied is lost: what stands below may be somebody else's by now, and no batch header tells. */
const cutShort = (
  partition: number,
  key: PartitionKey,
  { start, end }: LogEnds,
  { emptied, target, mayDelete }: PurgeOptions,
): Diagnostic | undefined => {
  const known = emptied.get(partition) ?? 0n
  if (mayDelete === 'all' || start === end || end >= known) return undefined
  return notOnlyTheCopy(
    `${key} on ${target.name} was emptied up to ${known}, and ends at ${end} since a crash of its broker: that holds offsets ${start} to ${end - 1} of the old copy, or what others wrote instead.`,
  )
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
  if (!isOther(marked, targetTopicId)) return undefined
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
  if (start === end) return undefined
  const mark = purge.marks.find((m) => m.partition === partition)
  if (mark === undefined && purge.intent === null) {
    return notOnlyTheCopy(
      `${key} on ${target.name} holds offsets ${start} to ${end - 1}, which Ferry did not write.`,
    )
  }
  const read = (of: PartitionKey, offset: number, bytes: number) => reader.read(of, offset, bytes)
  const lookAt = async (ours: Omit<Ours, 'key'>, from: number, to: number) => {
    const { problem } = await checkTail({ key, ...ours }, read, { from, end: to }, signal)
    return problem && notOnlyTheCopy(problem.detail)
  }
  const filler = {
    producerId: Number(mark?.fillerProducerId ?? purge.intent?.fillerProducerId),
    producerEpoch: mark === undefined ? (purge.intent?.fillerProducerEpoch ?? 0) : 0,
    sequenceOf: (offset: number) => offset % SEQUENCES,
  }
  if (mark === undefined) return lookAt(filler, start, end)
  const copy = new MarkedOffsets(mark)
  const stored = progress.get(key)
  if (stored?.producerId === mark.producerId) copy.resume(stored)
  const checkedTo = Number(
    stored?.producerId === mark.producerId ? stored.checkedTo : mark.targetStart,
  )
  if (start < copy.targetStart) {
    // Of a log that ends below the mark only filler can be told.
    if (end < copy.targetStart) return lookAt(filler, start, end)
    const who = await strangerBelow({ key, mark, copiedTo: checkedTo }, reader, end, end)
    if (who) return notOnlyTheCopy(foreignBelow(key, start, copy.targetStart, who).detail)
  }
  const ours = {
    producerId: Number(mark.producerId),
    producerEpoch: mark.producerEpoch,
    ...copy.markers,
    sequenceOf: (offset: number) => copy.sequenceOf(offset),
  }
  const from = fromWhere(copy, checkedTo, end)
  return lookAt(ours, Math.max(start, from), end)
}

/** Of a log that has lost what was checked, all is looked at again; its last checked batch tells whether it was filled up by somebody else. */
const fromWhere = (copy: MarkedOffsets, checkedTo: number, end: number): number => {
  if (end < checkedTo) return copy.targetStart
  return copy.lastRecordBelow(checkedTo)?.target === checkedTo - 1 ? checkedTo - 1 : checkedTo
}

const notOnlyTheCopy = (detail: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1331',
    detail,
    fix: 'Nothing was deleted. Look at what it holds.',
  })
