import type { Diagnostic } from '../domain/diagnostic.ts'
import {
  type PartitionKey,
  partitionKey,
  type TargetOffset,
  type TopicName,
} from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import {
  type Divergence,
  GapList,
  mirroredToFromTargetEnd,
  type OffsetMap,
} from '../domain/offset-index.ts'
import type { PartitionProgress } from '../domain/state.ts'
import type { FetchedPartition } from '../kafka/cluster.ts'
import { LAYOUT, readOffset } from '../records/index.ts'
import type { AnswerMemory } from './budget.ts'
import type { Ours } from './check-tail.ts'
import { GapHold, type GapHoldOptions } from './gap-hold.ts'
import { type Block, type IntakeCounters, takeIn } from './intake.ts'
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
  readonly sourceStart: number
  readonly targetStart: number
  readonly producerId: number
  readonly queue = new SegmentQueue()
  readonly numbers: PartitionNumbers = { records: 0, bytes: 0, errors: 0 }

  state: 'elsewhere' | 'waiting' | 'checking' | 'mirroring' | 'stopped' = 'waiting'
  waitsFor = 'the lock'
  problem: Diagnostic | undefined
  /** Every batch of the target below this is ours, and acknowledged or read. -1: not known yet. */
  checkedTo = -1
  /** What was last written to the store. */
  savedTo = -1
  savedSource = -1n
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
  /** Where identical offsets ended; and what the store was last told of it. */
  diverged: Divergence | null = null
  savedDiverged: Divergence | null = null
  /** All gaps below are stored, in chunks of this tenure; -1: it has not begun with a whole one. */
  gapsStoredTo = -1
  gapTenure = ''
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
  fetching = false
  inFlight: InFlight[] = []
  staleInFlight = 0
  lastAckedIsFresh = false
  mayPipeline = true
  /** Control markers are on their way. */
  padding = false
  #hold: GapHold | undefined
  #crcFailures = 0
  /** Nothing more can be fetched; what was is sent first. */
  #blockedBy: Trouble | undefined
  #ended: ((trouble: Trouble) => void) | undefined
  #trouble: Trouble | undefined
  #quiet: (() => void)[] = []

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
    this.sourceStart = Number(mark.sourceStart)
    this.targetStart = Number(mark.targetStart)
    this.producerId = Number(mark.producerId)
  }

  /** What maps its offsets. */
  get map(): OffsetMap {
    return this
  }

  /** Whether records still get the offsets that they have on the source. */
  get isIdentical(): boolean {
    return this.mark.mode === 'identical' && this.diverged === null
  }

  /** Whether what stands at a target offset has it on the source, too. */
  isIdenticalAt(target: number): boolean {
    return (
      this.mark.mode === 'identical' && (this.diverged === null || target < this.diverged.source)
    )
  }

  /** The source offset of what stands at `target`; of the log end, the offset to go on from. */
  sourceOf(target: number): number {
    return Number(mirroredToFromTargetEnd(this.map, BigInt(target) as TargetOffset))
  }

  /** How many records were mirrored to below `target`. */
  rankAt(target: number): number {
    if (this.mark.mode === 'dense') return target - this.targetStart
    const { diverged } = this
    const first = diverged === null ? target : Math.min(target, Number(diverged.source))
    const identical = first - this.sourceStart - this.gaps.missingBelow(first)
    return diverged === null ? identical : identical + Math.max(0, target - Number(diverged.target))
  }

  /** The rank modulo 2^31 of what stands at `target`. */
  sequenceOf(target: number): number {
    return this.rankAt(target) % SEQUENCES
  }

  /** Where the last record below a target offset is, on both sides; undefined if there is none. */
  lastRecordBelow(
    target: number,
  ): { readonly source: number; readonly target: number } | undefined {
    let last = target - 1
    if (this.mark.mode === 'identical') {
      const { diverged } = this
      if (diverged !== null && last < diverged.target) {
        last = Math.min(last, Number(diverged.source) - 1)
      }
      if (diverged === null || last < diverged.target) {
        last = (this.gaps.at(last)?.from ?? last + 1) - 1
      }
    }
    if (last < this.targetStart) return undefined
    return { source: this.sourceOf(last), target: last }
  }

  /** Takes what an earlier holder stored; a new tenure of chunks begins. */
  resume(progress: PartitionProgress | undefined, tenure: string): void {
    this.gapTenure = tenure
    this.gapsStoredTo = -1
    if (progress === undefined) return
    this.gaps.readInto(0, progress.gaps.bytesFrom(0))
    this.diverged = progress.diverged
    this.savedDiverged = progress.diverged
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
    this.lastAckedIsFresh = position.tailIsFresh
    this.isStarved = false
    this.#blockedBy = undefined
    this.#trouble = undefined
    // What is known above is read again; what is stored of it must not outlive this.
    const isStale = this.gaps.end > this.next
    this.gaps.truncate(this.next)
    if (this.gapsStoredTo >= 0) this.gapsStoredTo = Math.min(this.gapsStoredTo, this.next)
    this.#hold = holding && new GapHold(this, holding)
    if (isStale) this.#hold?.store()
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
    this.#hold?.clear()
    if (trouble.uncertain) this.uncertain = true
    this.#trouble ??= trouble
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
      !this.fetching &&
      this.#blockedBy === undefined &&
      this.queue.bytes + (this.#hold?.bytes ?? 0) < QUEUE_BYTES
    )
  }

  /** Whether several batches may be in flight: only while the broker is sure to refuse one whose predecessor failed. */
  get isPipelined(): boolean {
    return this.mayPipeline && this.lastAckedIsFresh && this.staleInFlight === 0
  }

  /** Takes the record set of a Fetch answer as far as it can be carried. Answers whether there is something to send now. */
  receive(
    records: Buffer,
    aborted: FetchedPartition['abortedTransactions'],
    memory: AnswerMemory,
  ): boolean {
    const taken = takeIn({
      records,
      aborted,
      next: this.next,
      maxBytes: this.maxBytes,
      splitAtHoles: this.isIdentical,
      counters: this.#counters,
    })
    const { pieces, gaps, block } = taken
    this.isStarved = taken.next === this.next
    if (!this.isStarved) this.#crcFailures = 0
    this.next = taken.next
    for (const [from, to] of gaps) this.gaps.append(from, to)
    const segments = pieces.map(({ buf, at, end, isOwn }) => {
      if (!isOwn) memory.use()
      return { buf, at, end, isOwn, memory: isOwn ? memory.beside(end) : memory }
    })
    if (block !== undefined) this.#block(block)
    if (this.#hold !== undefined && (gaps.length > 0 || this.#hold.isBusy)) {
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
    if (!this.isIdentical) return 0
    const head = this.queue.peek()
    if (head !== undefined) return readOffset(head.buf, head.at + LAYOUT.baseOffset) - this.sendBase
    return this.#hold?.isBusy ? 0 : this.next - this.sendBase
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
    this.stopIfBlocked()
    this.#settleIfQuiet()
  }

  /** Resolves when nothing is sent and no answer is awaited: within a request timeout after `end`. */
  whenQuiet(): Promise<void> {
    if (this.#ended === undefined) return Promise.resolve()
    return new Promise((resolve) => this.#quiet.push(resolve))
  }

  #settleIfQuiet(): void {
    if (this.flowing || this.inFlight.length > 0 || this.padding) return
    if (this.#ended === undefined) return
    const ended = this.#ended
    const quiet = this.#quiet
    this.#ended = undefined
    this.#quiet = []
    ended(this.#trouble!)
    for (const resolve of quiet) resolve()
  }

  gapsNotStored(why: string): void {
    this.end({ why, uncertain: this.inFlight.length > 0 || this.padding })
  }

  /** Ends the flow where nothing more can be fetched and everything before was sent. */
  stopIfBlocked(): void {
    if (this.#blockedBy === undefined || !this.flowing || this.#hold?.isBusy) return
    if (this.queue.bytes > 0 || this.inFlight.length > 0 || this.padding) return
    this.end(this.#blockedBy)
  }

  #block(block: Block): void {
    if (block.reason === 'crc-mismatch' && ++this.#crcFailures < CRC_ATTEMPTS) return
    const problem = cannotCarry(this.key, block)
    this.#blockedBy = { why: problem.detail, uncertain: false, problem }
  }
}

/** The control markers that a check of its target may meet. */
export const markersOf = (p: MirroredPartition): Pick<Ours, 'markers'> =>
  p.mark.mode === 'dense'
    ? {}
    : {
        markers: {
          producerId: Number(p.mark.fillerProducerId),
          isHole: (target) => p.isIdenticalAt(target) && p.gaps.at(target) !== undefined,
        },
      }
