import type { Diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import { type Divergence, GapList } from '../domain/offset-index.ts'
import {
  classify,
  lastOffset,
  nextBatch,
  type ReEncodeReason,
  recordCount,
  recordSet,
} from '../records/index.ts'
import type { AnswerMemory } from './budget.ts'
import type { OutgoingBatch } from './outbox.ts'
import { cannotCarry } from './problems.ts'
import { SegmentQueue } from './queue.ts'

/** More is fetched of a partition while less than this waits to be sent. */
export const QUEUE_BYTES = 4 * 1024 * 1024
/** Sequences are 31 bits. */
const SEQUENCES = 2 ** 31

/** A batch that is damaged on its way is fetched again; one that is damaged on disk stays so. */
const CRC_ATTEMPTS = 3

/** Why sending stopped by itself. */
export interface Trouble {
  readonly why: string
  /** A request may still arrive at the broker, or was appended without an answer. */
  readonly uncertain: boolean
  /** Only a person can help. */
  readonly problem?: Diagnostic
}

/** A batch on its way. */
export interface InFlight extends OutgoingBatch {
  readonly expectedBase: number
  readonly isFresh: boolean
}

/** What is known right after the check of a tenure. */
export interface Position {
  /** Log end of the target: everything below was checked. */
  readonly targetEnd: number
  readonly sourceNext: number
  readonly sourceEnd: number
  readonly maxBytes: number
  /** Whether the last batch on the target is so young that the broker still knows our producer id. */
  readonly tailIsFresh: boolean
}

/** Numbers of one mirrored partition that people may look at. */
export interface PartitionNumbers {
  records: number
  bytes: number
}

/**
 * One marked partition: its place in both logs, what waits, what is in flight. Owned by the engine; fetcher and sender change it. Offsets
 * are plain numbers here; what reads them from a broker refuses any above 2^53.
 */
export class MirroredPartition {
  readonly migration: string
  readonly mark: Mark
  readonly key: PartitionKey
  readonly topic: TopicName
  readonly partition: number
  readonly sourceStart: number
  readonly targetStart: number
  readonly producerId: number
  readonly queue = new SegmentQueue()
  readonly numbers: PartitionNumbers = { records: 0, bytes: 0 }

  state: 'elsewhere' | 'waiting' | 'checking' | 'mirroring' | 'stopped' = 'waiting'
  waitsFor = 'the lock'
  problem: Diagnostic | undefined
  /** Every batch of the target below this is ours, and acknowledged or read. -1: not known yet. */
  checkedTo = -1
  /** What was last written to the store. */
  savedTo = -1
  savedProblem: Diagnostic | undefined
  /** Lost answers since the last time that the target's log end was known for sure. */
  uncertain = false
  /** An earlier holder's requests may be on their way: its progress tells. */
  inherited = false
  /** Of this holder; and what the store was last told of it. */
  mayBeInFlight = false
  savedInFlight = false

  /** Of the source, as far as it was read. */
  readonly gaps = new GapList()
  diverged: Divergence | null = null

  /** Set while records are fetched and sent; changes with each start, so that late answers are told apart. */
  tenure = 0
  flowing = false
  /** Source offset to fetch next. */
  next = 0
  /** Target offset of the next batch to be sent. */
  sendBase = 0
  sourceEnd = 0
  maxBytes = 0
  /** Nothing whole came of it in the last Fetch, because of the others or its own size: it goes first in the next one. */
  isStarved = false
  fetching = false
  inFlight: InFlight[] = []
  staleInFlight = 0
  lastAckedIsFresh = false
  mayPipeline = true
  #crcFailures = 0
  /** Nothing more can be fetched; what was is sent first. */
  #blockedBy: Trouble | undefined
  #ended: ((trouble: Trouble) => void) | undefined
  #trouble: Trouble | undefined
  #quiet: (() => void)[] = []

  constructor(migration: string, mark: Mark) {
    this.migration = migration
    this.mark = mark
    this.topic = mark.topic
    this.partition = mark.partition
    this.key = partitionKey(mark.topic, mark.partition)
    this.sourceStart = Number(mark.sourceStart)
    this.targetStart = Number(mark.targetStart)
    this.producerId = Number(mark.producerId)
  }

  /** The source offset of what stands at `target`. No gaps are mirrored yet, so both logs run in step from the mark. */
  sourceOf(target: number): number {
    return this.sourceStart + (target - this.targetStart)
  }

  /** The rank modulo 2^31 of what stands at `target`. */
  sequenceOf(target: number): number {
    return (target - this.targetStart) % SEQUENCES
  }

  /** Nothing that was sent by anybody so far can still arrive. */
  get isCertain(): boolean {
    return !this.uncertain && !this.inherited
  }

  /** What the next holder has to know. An earlier holder's doubt stays until it was waited out. */
  get inDoubt(): boolean {
    return this.mayBeInFlight || !this.isCertain
  }

  /** Resolves when the flow has ended and no answer is awaited any more. */
  flow(position: Position): Promise<Trouble> {
    this.tenure++
    this.next = position.sourceNext
    this.sendBase = position.targetEnd
    this.checkedTo = position.targetEnd
    this.sourceEnd = position.sourceEnd
    this.maxBytes = position.maxBytes
    this.lastAckedIsFresh = position.tailIsFresh
    this.isStarved = false
    this.#blockedBy = undefined
    this.#trouble = undefined
    this.state = 'mirroring'
    this.flowing = true
    return new Promise((resolve) => {
      this.#ended = resolve
    })
  }

  /** Stops fetching and sending and drops what was not sent. The first trouble counts; only its being uncertain may be added to. */
  end(trouble: Trouble): void {
    this.flowing = false
    this.queue.clear()
    if (trouble.uncertain) this.uncertain = true
    this.#trouble ??= trouble
    this.#settleIfQuiet()
  }

  /** Like {@link end}, once what was fetched is sent: the source may not hold it any more. */
  endOnceSent(trouble: Trouble): void {
    this.#blockedBy ??= trouble
    this.#stopIfBlocked()
  }

  /** Whether more should be fetched. */
  get wantsMore(): boolean {
    return (
      this.flowing &&
      !this.fetching &&
      this.#blockedBy === undefined &&
      this.queue.bytes < QUEUE_BYTES
    )
  }

  /** Whether several batches may be in flight: only while the broker is sure to refuse one whose predecessor failed. */
  get isPipelined(): boolean {
    return this.mayPipeline && this.lastAckedIsFresh && this.staleInFlight === 0
  }

  /**
   * Takes the record set of a Fetch answer up to the first batch that cannot pass through. Answers whether there is something to send.
   */
  receive(records: Buffer, memory: AnswerMemory): boolean {
    const cursor = recordSet(records)
    const limits = { expectedNext: this.next, maxBytes: this.maxBytes }
    let start = -1
    let end = 0
    const keep = () => {
      if (start < 0) return
      memory.use()
      this.queue.push({ buf: records, at: start, end, memory })
    }
    for (;;) {
      const item = nextBatch(cursor)
      if (item === 'end' || item === 'partial') break
      if (item === 'bad-length') {
        this.#block('malformed', limits.expectedNext, limits.expectedNext + 1)
        break
      }
      const { at } = cursor
      if (item === 'batch' && lastOffset(records, at) < limits.expectedNext && start < 0) {
        // A Fetch answers with whole batches; one that ends below what was asked for is not ours to judge.
        continue
      }
      const verdict = classify(records, at, limits)
      if (verdict === 'crc-mismatch' && ++this.#crcFailures < CRC_ATTEMPTS) break
      if (verdict !== 'pass-through') {
        this.#blockAt(records, at, verdict, limits.expectedNext)
        break
      }
      this.#crcFailures = 0
      if (start < 0) start = at
      end = cursor.next
      limits.expectedNext += recordCount(records, at)
    }
    keep()
    this.isStarved = start < 0
    this.next = limits.expectedNext
    this.#stopIfBlocked()
    return start >= 0
  }

  /** A batch was handed to a connection. */
  sent(batch: InFlight): void {
    this.inFlight.push(batch)
    if (!batch.isFresh) this.staleInFlight++
    this.sendBase += batch.records
  }

  /** The oldest batch in flight was acknowledged where it was expected. */
  acknowledged(batch: InFlight): void {
    this.lastAckedIsFresh = batch.isFresh
    this.checkedTo = batch.expectedBase + batch.records
    this.numbers.records += batch.records
    this.numbers.bytes += batch.batch.length
  }

  /** A batch is no longer in flight, however it ended. */
  answered(batch: InFlight): void {
    const at = this.inFlight.indexOf(batch)
    if (at >= 0) this.inFlight.splice(at, 1)
    if (!batch.isFresh) this.staleInFlight--
    if (this.inFlight.length > 0) return
    this.#stopIfBlocked()
    this.#settleIfQuiet()
  }

  /** Resolves when nothing is sent and no answer is awaited: within a request timeout after `end`. */
  whenQuiet(): Promise<void> {
    if (this.#ended === undefined) return Promise.resolve()
    return new Promise((resolve) => this.#quiet.push(resolve))
  }

  #settleIfQuiet(): void {
    if (this.flowing || this.inFlight.length > 0 || this.#ended === undefined) return
    const ended = this.#ended
    const quiet = this.#quiet
    this.#ended = undefined
    this.#quiet = []
    ended(this.#trouble!)
    for (const resolve of quiet) resolve()
  }

  #stopIfBlocked(): void {
    if (this.#blockedBy === undefined || !this.flowing) return
    if (this.queue.bytes > 0 || this.inFlight.length > 0) return
    this.end(this.#blockedBy)
  }

  #blockAt(buf: Buffer, at: number, reason: ReEncodeReason, expected: number): void {
    if (reason === 'old-format' || reason === 'unknown-magic' || reason === 'crc-mismatch') {
      // No other field of it means anything.
      this.#block(reason, expected, expected + 1)
      return
    }
    const last = lastOffset(buf, at)
    this.#block(reason, Math.min(expected, last), last + 1)
  }

  #block(reason: ReEncodeReason, from: number, to: number): void {
    const problem = cannotCarry(this.key, from, to, reason)
    this.#blockedBy = { why: problem.detail, uncertain: false, problem }
  }
}
