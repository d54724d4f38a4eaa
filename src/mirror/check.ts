import type { Diagnostic } from '../domain/diagnostic.ts'
import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import { isOther } from '../domain/mark.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { maxTimestamp, nextBatch, recordSet } from '../records/index.ts'
import { hideBelowMark } from './below-mark.ts'
import { checkTail } from './check-tail.ts'
import type { Cleaners } from './cleaners.ts'
import { type BothEnds, compareFirst, compareLast } from './compare-logs.ts'
import type { Position } from './flow.ts'
import { checkedToOf, markedOf } from './how-far.ts'
import type { Block } from './intake.ts'
import type { LogEnds, LogReader } from './log-reader.ts'
import type { MirrorLog, MirrorTimings } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'
import {
  cannotCarry,
  divergence,
  foreignWrite,
  forgottenDeletions,
  goneUnseen,
  lostOnSource,
  lostOnTarget,
  MARKERS_TOO_LATE,
  onItsWay,
  StopPartition,
  sourceAbsent,
  sourceCut,
  sourceRecreated,
  targetGone,
} from './problems.ts'
import { untilSettled } from './settled.ts'
import { wholeBlock } from './stop-now.ts'
import { pause } from './wait.ts'

export interface CheckOptions {
  readonly target: Cluster
  readonly sourceLog: LogReader
  readonly targetLog: LogReader
  readonly cleaners: Pick<Cleaners, 'check'>
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
 * 1. the target topic is that of the mark;
 * 2. the target holds everything that it had acknowledged, or what it lost is copied again;
 * 3. what a crash of the broker brought back below the mark is deleted again;
 * 4. every batch above the last check is ours, at its place;
 * 5. the source topic is that of the mark, has not become shorter, and still holds what comes next;
 * 6. on the way back, the cleaner of the source cannot have removed tombstones of what comes next;
 * 7. the last record of the target is that of the source at its place; where topics have no ids, the first one, too.
 */
export class Checker {
  readonly #options: CheckOptions

  constructor(options: CheckOptions) {
    this.#options = options
  }

  /** Throws {@link StopPartition} if only a person can help, anything else if trying again can. */
  async check(p: MirroredPartition, signal: AbortSignal): Promise<Position> {
    const { sourceLog, targetLog } = this.#options
    await this.#twice(() => this.#wrongTarget(p), signal)
    const acknowledged = checkedToOf(p)
    if ((await targetLog.end(p.key)) < acknowledged) await this.#forgetLost(p, acknowledged, signal)
    const from = checkedToOf(p)
    const target = await this.#targetEnds(p)
    const tail = await checkTail(
      {
        key: p.key,
        producerId: p.producerId,
        producerEpoch: p.mark.producerEpoch,
        mayBeCleaned: p.mark.way !== undefined,
        ...p.offsets.markers,
        sequenceOf: (offset) => p.offsets.sequenceOf(offset),
      },
      (key, offset, maxBytes) => targetLog.read(key, offset, maxBytes),
      this.#toRead(p, from, target),
      signal,
    )
    p.checkedTo = Math.max(p.checkedTo, p.offsets.targetStart, tail.checkedTo)
    if (tail.problem) throw new StopPartition(onItsWay(p, tail.problem))
    if (target.start > from && !tail.hasRecords) {
      throw new StopPartition(goneUnseen(p, from, target.start))
    }
    if (tail.overshoot !== undefined) this.#diverge(p, tail.overshoot)
    const targetEnd = Math.max(target.end, tail.checkedTo)
    const sourceNext = p.offsets.sourceOf(targetEnd)
    await this.#twice(() => this.#wrongSource(p, sourceNext), signal)
    const askedAt = this.#options.now()
    const source = await sourceLog.ends(p.key)
    if (source.end < sourceNext) {
      // A new leader of the source may announce less than the old one did, for a moment; since 2.2 it rather answers nothing (KIP-207).
      await pause(this.#options.timings.requestTimeoutMs, signal)
      const { end } = await sourceLog.ends(p.key)
      if (end < sourceNext) throw new StopPartition(sourceCut(p, sourceNext, end))
      throw new Error('the source log end is catching up after a change of leader')
    }
    const both = { source, targetStart: target.start, targetEnd }
    const differs =
      (await compareLast(p, this.#options, both)) ?? (await this.#compareFirst(p, both))
    if (differs !== undefined) throw new StopPartition(differs)
    const needed = p.offsets.behindAccepted(sourceNext)
    if (source.start > needed) {
      throw new StopPartition(
        targetEnd < acknowledged
          ? lostOnTarget(p, targetEnd, acknowledged, { from: needed, to: source.start })
          : lostOnSource(p, needed, source.start),
      )
    }
    const look = { end: source.end, at: askedAt, copiedTo: sourceNext }
    const forgotten = await this.#options.cleaners.check(p, look, this.#options.now)
    if (forgotten) throw new StopPartition(forgottenDeletions(p.key, forgotten))
    return {
      targetEnd,
      sourceNext,
      sourceEnd: source.end,
      maxBytes: await this.#options.maxBatchBytes(p),
      tailIsFresh: await this.#isFresh(p, both),
    }
  }

  /**
   * From where to where the target is read. A log that does not end below what was checked may still have lost its end, and been filled up
   * by somebody else: so the last batch below is looked at again. Not on the way back, into a log that a cleaner may have been through.
   */
  #toRead(p: MirroredPartition, checkedTo: number, target: LogEnds) {
    const last = p.offsets.lastRecordBelow(checkedTo)?.target
    const isThere = last === checkedTo - 1 && last >= target.start
    return isThere && p.mark.way === undefined
      ? { from: last, end: Math.max(target.end, checkedTo) }
      : { from: Math.max(checkedTo, target.start), end: target.end }
  }

  /** Whether the source is another topic by now than the one that was marked: beside the flow, where its fetches cannot tell. */
  async isOtherSource(p: MirroredPartition): Promise<boolean> {
    const { sourceLog, targetLog } = this.#options
    if (isOther(p.mark.sourceTopicId, await topicIdNow(sourceLog, p))) return true
    if (p.mark.sourceTopicId !== undefined) return false
    const targetEnd = p.checkedTo
    const [source, target] = await Promise.all([sourceLog.ends(p.key), targetLog.ends(p.key)])
    const both = { source, targetStart: target.start, targetEnd }
    return (await compareFirst(p, this.#options, both)) !== undefined
  }

  /** An id tells without it. */
  async #compareFirst(p: MirroredPartition, both: BothEnds): Promise<Diagnostic | undefined> {
    return p.mark.sourceTopicId === undefined ? compareFirst(p, this.#options, both) : undefined
  }

  /** Why a partition stops before what cannot be carried, with all of its range. */
  async cannotCarry(p: MirroredPartition, block: Block): Promise<Diagnostic> {
    return cannotCarry(p, await wholeBlock(this.#options.sourceLog, p.key, block))
  }

  /**
   * Waits until no request of before can be appended any more: the leader answers, and its log end stood still for a request timeout.
   * A request is answered, or its connection is reset, by then. What was appended can be read then, too.
   */
  async settle(p: MirroredPartition, signal: AbortSignal): Promise<void> {
    const { targetLog, timings } = this.#options
    // A topic that is gone never stands still.
    await this.#twice(() => this.#wrongTarget(p), signal)
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
    if (end < p.offsets.targetStart) throw new StopPartition(lostOnTarget(p, end, acknowledged))
    const { diverged } = p.offsets
    // What is left of the markers too many is found again.
    const isUndone = diverged !== null && end <= diverged.target
    if (isUndone) p.offsets.diverged = null
    p.checkedTo = Math.max(
      p.offsets.targetStart,
      Math.min(end - 1, isUndone ? Number(diverged.source) : end - 1),
    )
    const { code, detail } = lostOnTarget(p, end, acknowledged)
    log({ level: 'warn', message: `${code} ${detail} They are copied again.` })
  }

  /** Asked twice before it stops: a broker may not have heard of a topic that was just created. */
  async #twice(look: () => Promise<Diagnostic | undefined>, signal: AbortSignal): Promise<void> {
    if ((await look()) === undefined) return
    await pause(this.#options.timings.requestTimeoutMs, signal)
    const problem = await look()
    if (problem !== undefined) throw new StopPartition(problem)
  }

  async #wrongTarget(p: MirroredPartition): Promise<Diagnostic | undefined> {
    const target = await this.#options.targetLog.topic(p.topic)
    if (target === 'absent') return targetGone(p, 'the target topic does not exist.')
    const { targetTopicId } = p.mark
    if (!isOther(targetTopicId, target.topicId)) return undefined
    const why = `the target topic has id ${target.topicId}; at the mark it was ${targetTopicId}.`
    return targetGone(p, why)
  }

  /** `copiedTo`: the source offset up to which the target holds it. */
  async #wrongSource(p: MirroredPartition, copiedTo: number): Promise<Diagnostic | undefined> {
    const source = await this.#options.sourceLog.topic(p.topic)
    const copied = { from: p.offsets.sourceStart, to: copiedTo }
    if (source === 'absent') return sourceAbsent(p, copied)
    // Brokers before 2.8 have none.
    const { sourceTopicId } = p.mark
    if (!isOther(sourceTopicId, source.topicId)) return undefined
    return sourceRecreated(p, { was: sourceTopicId!, is: source.topicId! }, copied)
  }

  /** A broker makes a new log start durable only once a minute: after a crash it is back at the old one, and filler or an earlier copy is readable. */
  async #targetEnds(p: MirroredPartition): Promise<LogEnds> {
    const { ends, problem } = await hideBelowMark(markedOf(p), this.#options)
    if (problem) throw new StopPartition(problem)
    if (ends.end < p.offsets.targetStart)
      throw new Error(`the target log ends at ${ends.end} again`)
    return ends
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

  /** Whether the broker is sure to remember the producer of the last record. */
  async #isFresh(p: MirroredPartition, { targetStart, targetEnd }: BothEnds): Promise<boolean> {
    const last = p.offsets.lastRecordBelow(targetEnd)
    if (last === undefined || last.target < targetStart) return false
    const records = await this.#options.targetLog.read(p.key, last.target, 1)
    const cursor = recordSet(records)
    if (nextBatch(cursor) !== 'batch') return false
    const age = this.#options.now() - Number(maxTimestamp(records, cursor.at))
    return age < this.#options.freshMs()
  }
}

const topicIdNow = async (log: LogReader, p: MirroredPartition): Promise<string | undefined> => {
  const found = await log.topic(p.topic)
  return found === 'absent' ? undefined : found.topicId
}
