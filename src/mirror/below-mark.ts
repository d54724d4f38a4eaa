import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey } from '../domain/ids.ts'
import { hidesBelow, isOther, type Mark } from '../domain/mark.ts'
import type { Cluster } from '../kafka/cluster.ts'
import {
  ATTRIBUTES,
  attributes,
  baseOffset,
  baseSequence,
  isOfProducer,
  lastOffset,
  nextBatch,
  producerEpoch,
  producerId,
  recordSet,
} from '../records/index.ts'
import { writerOf } from './check-tail.ts'
import { type LogEnds, type LogReader, raiseLogStart } from './log-reader.ts'
import { foreignBelow, targetGone } from './problems.ts'

const SEQUENCES = 2 ** 31
const READ_BYTES = 64 * 1024

/** A partition whose log must begin at its mark on the target. */
export interface Marked {
  readonly key: PartitionKey
  readonly mark: Mark
  /** Up to which target offset the mirror is known to have copied; the mark's own where nothing is known. */
  readonly copiedTo: number
}

interface Logs {
  readonly target: Pick<Cluster, 'deleteRecords'>
  readonly targetLog: Pick<LogReader, 'ends' | 'logEnd' | 'topic' | 'read'>
}

/** Where the log begins and ends by now, and whether anything was there to be deleted; or why nothing was. */
export type Hidden =
  | { readonly ends: LogEnds; readonly wasBack: boolean; readonly problem?: undefined }
  | { readonly ends?: undefined; readonly wasBack: false; readonly problem: Diagnostic }

/**
 * Deletes again what a crash of the target's brokers has brought back below a mark: a broker makes a new log start durable only once a minute.
 * Needs no lock, since whoever does it does the same. Throws what passes by itself.
 *
 * A mark was made where the log began and ended, so all below was deleted then, unless a crash took the end of the log as well and somebody
 * wrote there since. That nobody did is told by batch headers, since nothing can come below a batch after it: by the last filler, which ends at
 * the mark, or by the first record of the mirror, at its place behind it. Where an earlier copy lies below, whose producer no mark remembers,
 * and no record behind it yet, it must end exactly at the mark, with a batch of a producer with an id. Where there were records behind it, the
 * log was lost since, and nothing tells who has filled it. Nor does anything where the partition was sealed with nothing copied and producers of the
 * target write behind the mark by now: a log that lost its end below the mark, and was filled up by them, looks the same, and what is below
 * is theirs then.
 */
export const hideBelowMark = async (marked: Marked, logs: Logs): Promise<Hidden> => {
  const { key, mark } = marked
  const { target, targetLog } = logs
  const ends = await targetLog.ends(key)
  const markAt = Number(mark.targetStart)
  if (!hidesBelow(mark) || ends.start >= markAt) return { ends, wasBack: false }
  const topic = await targetLog.topic(mark.topic)
  // Of the way there: below a mark of the way back nothing is ever deleted.
  const stopped = { key, migration: 'NAME' }
  const not = (problem: Diagnostic): Hidden => ({ wasBack: false, problem })
  if (topic === 'absent') return not(targetGone(stopped, 'the target topic does not exist.'))
  if (isOther(mark.targetTopicId, topic.topicId)) {
    const why = `the target topic has id ${topic.topicId}; at the mark it was ${mark.targetTopicId}.`
    return not(targetGone(stopped, why))
  }
  const { end } = await targetLog.logEnd(key)
  if (end < markAt) throw new Error(`the target log of ${key} ends at ${end}, below its mark`)
  const who = await strangerBelow(marked, targetLog, ends.end, end)
  if (who !== undefined) return not(foreignBelow(key, ends.start, markAt, who))
  return { ends: await raiseLogStart(target, targetLog, key, markAt), wasBack: true }
}

/** Who may have written below the mark, for people; undefined: nobody but Ferry. `replicated`: of the log, which ends at `end`. */
export const strangerBelow = async (
  { key, mark, copiedTo }: Marked,
  log: Pick<LogReader, 'read'>,
  replicated: number,
  end: number,
): Promise<string | undefined> => {
  const markAt = Number(mark.targetStart)
  const below = await log.read(key, markAt - 1, 1)
  const last = recordSet(below)
  if (nextBatch(last) !== 'batch') {
    throw new Error(`${key}: the target sent nothing at ${markAt - 1} of ${end}`)
  }
  if (isFiller(mark, below, last.at)) return undefined
  let at = markAt
  while (at < replicated) {
    const records = await log.read(key, at, READ_BYTES)
    const cursor = recordSet(records)
    const before = at
    for (let item = nextBatch(cursor); item === 'batch'; item = nextBatch(cursor)) {
      const to = lastOffset(records, cursor.at)
      if (to < at) continue
      // A marker may stand anywhere: it tells nothing.
      if (!isMarker(mark, records, cursor.at)) {
        return isFirst(mark, records, cursor.at) ? undefined : writerOf(records, cursor.at)
      }
      at = to + 1
    }
    if (at === before) throw new Error(`${key}: the target sent nothing at ${at} of ${replicated}`)
  }
  if (at < end) {
    throw new Error(`${key}: the target has not replicated what stands from ${at} to ${end} yet`)
  }
  const isAnEarlierCopy = copiedTo <= markAt && producerId(below, last.at) >= 0n
  return isAnEarlierCopy ? undefined : writerOf(below, last.at)
}

const isMarker = ({ fillerProducerId }: Mark, buf: Buffer, at: number): boolean =>
  (attributes(buf, at) & ATTRIBUTES.control) !== 0 &&
  isOfProducer(buf, at, Number(fillerProducerId))

/**
 * Of the mirror, at the place that its sequence says; which holes come before it only progress knows. So with identical offsets it must be the very
 * first record. Until the seal the target's policy is `delete`, and no topic is sealed before `mirrored`, which waits until the log start is durable
 * (`start-watch.ts`): so no cleaner has taken the record while something may still come back below. In a state of an earlier version, or on a disk
 * that loses what it had synced, one may have: then nothing tells what is below from what others wrote, nothing is deleted, and the watch can
 * only tell people, as what is sealed has no step that stops for it but the one that moves groups.
 */
const isFirst = (mark: Mark, buf: Buffer, at: number): boolean => {
  const rank = baseOffset(buf, at) - Number(mark.targetStart)
  return (
    isOfProducer(buf, at, Number(mark.producerId)) &&
    producerEpoch(buf, at) === mark.producerEpoch &&
    rank >= 0 &&
    baseSequence(buf, at) === (mark.mode === 'dense' ? rank % SEQUENCES : 0)
  )
}

const isFiller = ({ fillerProducerId, targetStart }: Mark, buf: Buffer, at: number): boolean =>
  isOfProducer(buf, at, Number(fillerProducerId)) &&
  (attributes(buf, at) & ATTRIBUTES.control) === 0 &&
  baseSequence(buf, at) === baseOffset(buf, at) % SEQUENCES &&
  lastOffset(buf, at) + 1 === Number(targetStart)
