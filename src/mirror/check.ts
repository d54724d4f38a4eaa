import type { Diagnostic } from '../domain/diagnostic.ts'
import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import {
  baseOffset,
  lastOffset,
  maxTimestamp,
  nextBatch,
  RecordTable,
  recordSet,
} from '../records/index.ts'
import { checkTail } from './check-tail.ts'
import { firstDifference } from './first-difference.ts'
import { type LogEnds, type LogReader, raiseLogStart } from './log-reader.ts'
import type { MirrorLog, MirrorTimings } from './mirror.ts'
import type { MirroredPartition, Position } from './partition.ts'
import {
  contentDiffers,
  divergence,
  foreignWrite,
  lostOnSource,
  lostOnTarget,
  MARKERS_TOO_LATE,
  StopPartition,
  sourceAbsent,
  sourceCut,
  sourceRecreated,
  targetGone,
} from './problems.ts'
import { untilSettled } from './settled.ts'
import { pause } from './wait.ts'

export interface CheckOptions {
  readonly target: Cluster
  readonly sourceLog: LogReader
  readonly targetLog: LogReader
  readonly timings: MirrorTimings
  readonly log: MirrorLog
  /** How old a record may be for the broker to be sure to remember its producer. 0: never sure. */
  freshMs(): number
  maxBatchBytes(p: MirroredPartition): Promise<number>
  now(): number
}

/**
 * What happens before the first batch of a tenure is sent:
 *
 * 1. the topics are those of the mark;
 * 2. identical: filler that a crash of the broker brought back is deleted again;
 * 3. the target holds everything that it had acknowledged, or what it lost is copied again;
 * 4. every batch above the last check is ours, at its place;
 * 5. the source still holds what comes next, and has not become shorter;
 * 6. the last record of the target is that of the source at its place.
 */
export class Checker {
  readonly #options: CheckOptions

  constructor(options: CheckOptions) {
    this.#options = options
  }

  /** Throws {@link StopPartition} if only a person can help, anything else if trying again can. */
  async check(p: MirroredPartition, signal: AbortSignal): Promise<Position> {
    const { sourceLog, targetLog } = this.#options
    await this.#checkTopics(p, signal)
    const acknowledged = Math.max(p.checkedTo, p.offsets.targetStart)
    if ((await targetLog.end(p.key)) < acknowledged) await this.#forgetLost(p, acknowledged, signal)
    const from = Math.max(p.checkedTo, p.offsets.targetStart)
    const target = await this.#targetEnds(p)
    const tail = await checkTail(
      {
        key: p.key,
        producerId: p.producerId,
        producerEpoch: p.mark.producerEpoch,
        ...p.offsets.markers,
        sequenceOf: (offset) => p.offsets.sequenceOf(offset),
      },
      (key, offset, maxBytes) => targetLog.read(key, offset, maxBytes),
      { from: Math.max(from, target.start), end: target.end },
      signal,
    )
    p.checkedTo = Math.max(p.checkedTo, p.offsets.targetStart, tail.checkedTo)
    if (tail.problem) throw new StopPartition(tail.problem)
    if (tail.overshoot !== undefined) this.#diverge(p, tail.overshoot)
    const targetEnd = Math.max(target.end, tail.checkedTo)
    const sourceNext = p.offsets.sourceOf(targetEnd)
    const source = await sourceLog.ends(p.key)
    if (source.end < sourceNext) {
      // A new leader of the source may announce less than the old one did, for a moment.
      await pause(this.#options.timings.requestTimeoutMs, signal)
      const { end } = await sourceLog.ends(p.key)
      if (end < sourceNext) throw new StopPartition(sourceCut(p.key, sourceNext, end))
      throw new Error('the source log end is catching up after a change of leader')
    }
    const lastIsFresh = await this.#compareLast(p, targetEnd, target.start, source)
    if (source.start > sourceNext) {
      throw new StopPartition(
        targetEnd < acknowledged
          ? lostOnTarget(p.key, targetEnd, acknowledged, { from: sourceNext, to: source.start })
          : lostOnSource(p.key, sourceNext, source.start),
      )
    }
    return {
      targetEnd,
      sourceNext,
      sourceEnd: source.end,
      maxBytes: await this.#options.maxBatchBytes(p),
      tailIsFresh: lastIsFresh,
    }
  }

  /**
   * Waits until no request of before can be appended any more: the leader answers, and its log end stood still for a request timeout.
   * A request is answered, or its connection is reset, by then. What was appended can be read then, too.
   */
  async settle(p: MirroredPartition, signal: AbortSignal): Promise<void> {
    const { targetLog, timings } = this.#options
    await untilSettled(targetLog, p.key, timings.requestTimeoutMs, signal)
    // Whoever lost the lock in the meantime is in doubt again.
    signal.throwIfAborted()
    p.uncertain = false
  }

  /**
   * The target ends below what it had acknowledged. Who leads now may only not know yet how far it may let others read; if it does and
   * ends there, an unclean election lost the rest: what survives is checked again from its last batch on, and compared with the source.
   */
  async #forgetLost(
    p: MirroredPartition,
    acknowledged: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { targetLog, timings, log } = this.#options
    const end = await untilSettled(targetLog, p.key, timings.requestTimeoutMs, signal)
    if (end >= acknowledged) return
    // Without the filler below the mark there is nothing to go on from.
    if (end < p.offsets.targetStart) throw new StopPartition(lostOnTarget(p.key, end, acknowledged))
    const { diverged } = p.offsets
    // What is left of the markers too many is found again.
    const isUndone = diverged !== null && end <= diverged.target
    if (isUndone) p.offsets.diverged = null
    p.checkedTo = Math.max(
      p.offsets.targetStart,
      Math.min(end - 1, isUndone ? Number(diverged.source) : end - 1),
    )
    const { code, detail } = lostOnTarget(p.key, end, acknowledged)
    log({ level: 'warn', message: `${code} ${detail} They are copied again.` })
  }

  /** Asked twice before it stops: a broker may not have heard of a topic that was just created. */
  async #checkTopics(p: MirroredPartition, signal: AbortSignal): Promise<void> {
    if ((await this.#wrongTopic(p)) === undefined) return
    await pause(this.#options.timings.requestTimeoutMs, signal)
    const problem = await this.#wrongTopic(p)
    if (problem !== undefined) throw new StopPartition(problem)
  }

  async #wrongTopic(p: MirroredPartition): Promise<Diagnostic | undefined> {
    const [source, target] = await Promise.all([
      this.#options.sourceLog.topic(p.topic),
      this.#options.targetLog.topic(p.topic),
    ])
    if (source === 'absent') return sourceAbsent(p.key)
    if (target === 'absent') return targetGone(p.key, 'the target topic does not exist.')
    const { sourceTopicId, targetTopicId } = p.mark
    // Brokers before 2.8 have none.
    if (isOther(sourceTopicId, source.topicId)) {
      return sourceRecreated(p.key, sourceTopicId!, source.topicId!)
    }
    if (isOther(targetTopicId, target.topicId)) {
      const why = `the target topic has id ${target.topicId}; at the mark it was ${targetTopicId}.`
      return targetGone(p.key, why)
    }
    return undefined
  }

  /** A broker makes a new log start durable only once a minute: after a crash it is back at the old one, and filler is readable. */
  async #targetEnds(p: MirroredPartition): Promise<LogEnds> {
    const { target, targetLog } = this.#options
    const ends = await targetLog.ends(p.key)
    if (ends.end < p.offsets.targetStart)
      throw new Error(`the target log ends at ${ends.end} again`)
    if (p.mark.mode !== 'identical' || ends.start >= p.offsets.targetStart) return ends
    return raiseLogStart(target, targetLog, p.key, p.offsets.targetStart)
  }

  /** The last record of both logs, byte by byte: a source that was cut and grew again is found even without topic ids. Answers freshness. */
  async #compareLast(
    p: MirroredPartition,
    targetEnd: number,
    targetStart: number,
    source: LogEnds,
  ): Promise<boolean> {
    const last = p.offsets.lastRecordBelow(targetEnd)
    if (last === undefined || last.target < targetStart) return false
    const { sourceLog, targetLog } = this.#options
    const compare = async (below: number): Promise<boolean> => {
      // A marker may stand there: then the record before it is compared.
      const last = p.offsets.lastRecordBelow(below)
      // Nothing to compare with any more.
      if (last === undefined || last.source < source.start || last.target < targetStart) return true
      const [mine, theirs] = await Promise.all([
        targetLog.read(p.key, last.target, 1),
        sourceLog.read(p.key, last.source, 1),
      ])
      const onTarget = recordAt(mine, last.target)
      const onSource = recordAt(theirs, last.source)
      if (onTarget === undefined) throw new Error(`nothing was read at ${last.target}`)
      // Undefined: the source's retention or its cleaner was quicker.
      return onSource === undefined || onSource === onTarget
    }
    if (!(await compare(targetEnd))) {
      const both = { from: Math.max(p.offsets.targetStart, targetStart), to: targetEnd }
      const first = await firstDifference(both, (target) => compare(target + 1))
      throw new StopPartition(contentDiffers(p.key, p.offsets.sourceOf(first), first, targetEnd))
    }
    return this.#isFresh(await targetLog.read(p.key, last.target, 1))
  }

  /** From the first record behind the markers on, nothing is where it is on the source. */
  #diverge(p: MirroredPartition, { from, to }: { readonly from: number; readonly to: number }) {
    const { diverged } = p.offsets
    // Found again by a check that begins lower. Another one would move what is mapped already.
    if (diverged !== null && (Number(diverged.source) !== from || Number(diverged.target) !== to)) {
      throw new StopPartition(foreignWrite(p.key, from, to, MARKERS_TOO_LATE))
    }
    p.offsets.diverged = {
      source: BigInt(from) as SourceOffset,
      target: BigInt(to) as TargetOffset,
    }
    const { code, detail, fix } = divergence(p.key, from, to)
    this.#options.log({ level: 'warn', message: `${code} ${detail} ${fix}` })
  }

  #isFresh(records: Buffer): boolean {
    const cursor = recordSet(records)
    if (nextBatch(cursor) !== 'batch') return false
    const age = this.#options.now() - Number(maxTimestamp(records, cursor.at))
    return age < this.#options.freshMs()
  }
}

const isOther = (was: string | undefined, is: string | undefined): boolean =>
  was !== undefined && is !== undefined && was !== is

/** Timestamp, key, value and headers of the record at `offset`, as one comparable string. */
const recordAt = (records: Buffer, offset: number): string | undefined => {
  const cursor = recordSet(records)
  for (let item = nextBatch(cursor); item === 'batch' || item === 'old-format'; ) {
    const last = item === 'batch' ? lastOffset : baseOffset
    if (last(records, cursor.at) >= offset) {
      const table = new RecordTable()
      table.load(records, cursor.at, offset, offset + 1)
      if (table.count === 0) return undefined
      const content = table.bytes.toString('latin1', table.starts[0], table.ends[0])
      return `${table.timestamps[0]}/${content}`
    }
    item = nextBatch(cursor)
  }
  return undefined
}
