import type { AcceptedGap } from '../domain/accepted-gap.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { FetchedPartition } from '../kafka/cluster.ts'
import { LAYOUT, readOffset } from '../records/index.ts'
import type { AnswerMemory } from './budget.ts'
import { FlowEnd, type Position, type Trouble } from './flow.ts'
import { GapHold, type GapHoldOptions } from './gap-hold.ts'
import { Hearing } from './hearing.ts'
import { InFlight, type SentBatch } from './in-flight.ts'
import { type Block, type IntakeCounters, takeIn } from './intake.ts'
import { MarkedOffsets } from './marked-offsets.ts'
import { cannotCarry } from './problems.ts'
import { SegmentQueue } from './queue.ts'
import { NOTHING_SAVED, type SavedProgress } from './saved-progress.ts'
import { SeenBounds } from './seen-bounds.ts'
import { StoredGaps } from './stored-gaps.ts'

/** More is fetched of a partition while less than this waits to be sent. */
export const QUEUE_BYTES = 4 * 1024 * 1024

/** A batch that is damaged on its way is fetched again; one that is damaged on disk stays so. */
const CRC_ATTEMPTS = 3

/** Numbers of one mirrored partition that people may look at. */
export interface PartitionNumbers {
  records: number
  bytes: number
  errors: number
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
  readonly producerId: number
  readonly offsets: MarkedOffsets
  /** Of the way back. */
  readonly hearing: Hearing | undefined
  readonly queue = new SegmentQueue()
  readonly numbers: PartitionNumbers = { records: 0, bytes: 0, errors: 0 }

  state: 'elsewhere' | 'waiting' | 'checking' | 'mirroring' | 'stopped' = 'waiting'
  waitsFor = 'the lock'
  problem: Diagnostic | undefined
  /** Every batch of the target below this is ours, and acknowledged or read. -1: not known yet. */
  checkedTo = -1
  /** What the store was last told, as far as it matters to what is told next. */
  saved: SavedProgress = NOTHING_SAVED
  /** Lost answers since the last time that the target's log end was known for sure. */
  uncertain = false
  /** An earlier holder's requests may be on their way: its progress tells. */
  inherited = false
  /** Of this holder. */
  mayBeInFlight = false

  readonly storedGaps = new StoredGaps()
  /** Of markers and progress: grows with every holder. */
  fence = 0

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
  /** The tenure in which it is named in a Fetch that was not answered yet, 0: none. One of an earlier tenure, of a leader that hangs, keeps nobody waiting. */
  fetchedIn = 0
  readonly inFlight = new InFlight()
  readonly seen = new SeenBounds()
  /** Control markers are on their way. */
  padding = false
  #hold: GapHold | undefined
  #crcFailures = 0
  /** Nothing more can be fetched; what was is sent first. */
  #blockedBy: Trouble | undefined
  readonly #end = new FlowEnd()
  readonly #counters: IntakeCounters

  constructor(
    migration: string,
    mark: Mark,
    counters: IntakeCounters = { batchesReEncoded: 0, recordsReEncoded: 0 },
  ) {
    this.migration = migration
    this.mark = mark
    this.#counters = counters
    this.topic = mark.topic
    this.partition = mark.partition
    this.key = partitionKey(mark.topic, mark.partition)
    this.producerId = Number(mark.producerId)
    this.offsets = new MarkedOffsets(mark)
    this.hearing = mark.way === undefined ? undefined : new Hearing(mark)
  }

  /** Takes which gaps are accepted. Answers whether they are others than before. */
  accept(gaps: readonly AcceptedGap[]): boolean {
    const { acceptedGaps } = this.offsets
    if (gaps.length === acceptedGaps.length) return false
    this.offsets.acceptedGaps = gaps
    return true
  }

  /** Takes what an earlier holder stored; a new tenure of chunks begins. */
  resume(progress: PartitionProgress | undefined, tenure: string): void {
    this.storedGaps.begin(tenure)
    if (progress === undefined) return
    this.offsets.resume(progress)
    this.hearing?.resume(progress.heard)
    this.storedGaps.safeTo = this.offsets.gaps.end
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
  flow(position: Position, holding?: GapHoldOptions): Promise<Trouble> {
    this.tenure++
    this.next = position.sourceNext
    this.sendBase = position.targetEnd
    this.checkedTo = position.targetEnd
    this.sourceEnd = position.sourceEnd
    this.maxBytes = position.maxBytes
    this.inFlight.begin(position.tailIsFresh)
    this.isStarved = false
    this.seen.begin()
    this.#blockedBy = undefined
    const { gaps } = this.offsets
    const isStale = gaps.end > this.next
    gaps.truncate(this.next)
    this.storedGaps.cutTo(this.next)
    this.#hold = holding && new GapHold(this, holding)
    // What is passed or cut off now is to be stored, and what the last flow read and could not store, or did not hear of: nothing may be sent behind it before.
    if (this.#passAccepted() || isStale || gaps.end > this.storedGaps.safeTo) this.#hold?.store()
    this.state = 'mirroring'
    this.flowing = true
    return this.#end.begin()
  }

  /** Nothing is read where an accepted gap begins. Answers whether one did. */
  #passAccepted(): boolean {
    const { next } = this
    this.next = this.offsets.passAccepted(next)
    return this.next > next
  }

  /** Stops fetching and sending and drops what was not sent. The first trouble counts; only its being uncertain may be added to. */
  end(trouble: Trouble): void {
    this.flowing = false
    this.queue.clear()
    this.#hold?.clear()
    if (trouble.uncertain) this.uncertain = true
    this.#end.because(trouble)
    this.#settleIfQuiet()
  }

  /** Like {@link end}, once what was fetched is sent: the source may not hold it any more. */
  endOnceSent(trouble: Trouble): void {
    this.#blockedBy ??= trouble
    this.stopIfBlocked()
  }

  /** Whether more should be fetched. */
  get wantsMore(): boolean {
    return (
      this.flowing &&
      this.fetchedIn !== this.tenure &&
      this.#blockedBy === undefined &&
      this.queue.bytes + (this.#hold?.bytes ?? 0) < QUEUE_BYTES
    )
  }

  /** Takes the record set of a Fetch answer as far as it can be carried. Answers whether there is something to send now. */
  receive(
    records: Buffer,
    aborted: FetchedPartition['abortedTransactions'],
    memory: AnswerMemory,
  ): boolean {
    const until = this.offsets.acceptedFrom(this.next)?.from
    const taken = takeIn({
      records,
      aborted,
      next: this.next,
      ...(until !== undefined && { until: Number(until) }),
      maxBytes: this.maxBytes,
      splitAtHoles: this.offsets.isIdenticalAt(this.next),
      counters: this.#counters,
    })
    const { pieces, gaps, block } = taken
    this.isStarved = taken.next === this.next
    if (!this.isStarved) this.#crcFailures = 0
    this.next = taken.next
    for (const [from, to] of gaps) this.offsets.gaps.append(from, to)
    const hasHole = this.#passAccepted() || gaps.length > 0
    const segments = pieces.map(({ buf, at, end, isOwn }) => {
      if (!isOwn) memory.use()
      return { buf, at, end, isOwn, memory: isOwn ? memory.beside(end) : memory }
    })
    if (block !== undefined) this.#block(block)
    if (this.#hold !== undefined && (hasHole || (this.#hold.isBusy && segments.length > 0))) {
      this.#hold.add(segments)
      return false
    }
    for (const segment of segments) this.queue.push(segment)
    this.stopIfBlocked()
    return segments.length > 0
  }

  /**
   * How many control markers come before what is next in the queue, so that it gets its source offset; those behind the last record, too.
   * 0 where offsets are not identical.
   */
  get missingMarkers(): number {
    const { mark, diverged } = this.offsets
    const head = this.#head
    if (mark.mode === 'dense' || (head === undefined && this.#hold?.isBusy)) return 0
    const source = head ?? this.next
    if (this.offsets.isIdenticalAt(source)) return source - this.sendBase
    // Behind where offsets diverged records follow each other.
    return Math.max(0, Number(diverged!.target) - this.sendBase)
  }

  /** Whether only records without a hole between them may come into one batch. */
  get splitsAtHoles(): boolean {
    return this.offsets.isIdenticalAt(this.#head ?? this.next)
  }

  /** The source offset of what is next in the queue. */
  get #head(): number | undefined {
    const head = this.queue.peek()
    return head && readOffset(head.buf, head.at + LAYOUT.baseOffset)
  }

  /** Markers were written: the log end is known. */
  padded(count: number): void {
    this.sendBase += count
    this.checkedTo = this.sendBase
  }

  /** Nothing of the padding is on its way any more, however it ended. */
  paddingEnded(): void {
    this.padding = false
    this.stopIfBlocked()
    this.#settleIfQuiet()
  }

  /** A batch was handed to a connection. */
  sent(batch: SentBatch): void {
    this.inFlight.add(batch)
    this.sendBase += batch.records
  }

  /** The oldest batch in flight was acknowledged where it was expected. */
  acknowledged(batch: SentBatch): void {
    this.inFlight.acknowledged(batch)
    this.checkedTo = batch.expectedBase + batch.records
    this.numbers.records += batch.records
    this.numbers.bytes += batch.batch.length
  }

  /** A batch is no longer in flight, however it ended. */
  answered(batch: SentBatch): void {
    this.inFlight.remove(batch)
    if (this.inFlight.count > 0) return
    this.stopIfBlocked()
    this.#settleIfQuiet()
  }

  /** Resolves when nothing is sent and no answer is awaited: within a request timeout after `end`. */
  whenQuiet(): Promise<void> {
    return this.#end.whenQuiet()
  }

  #settleIfQuiet(): void {
    if (this.flowing || this.inFlight.count > 0 || this.padding) return
    this.#end.settle()
  }

  /** Gaps could not be stored: what is behind them must not be sent. */
  gapsNotStored(why: string): void {
    this.end({ why, uncertain: this.inFlight.count > 0 || this.padding })
  }

  /** Ends the flow where nothing more can be fetched and everything before was sent. */
  stopIfBlocked(): void {
    if (this.#blockedBy === undefined || !this.flowing || this.#hold?.isBusy) return
    if (this.queue.bytes > 0 || this.inFlight.count > 0 || this.padding) return
    this.end(this.#blockedBy)
  }

  #block(block: Block): void {
    if (block.reason === 'crc-mismatch' && ++this.#crcFailures < CRC_ATTEMPTS) return
    this.#blockedBy = { why: cannotCarry(this, block).detail, uncertain: false, block }
  }
}
