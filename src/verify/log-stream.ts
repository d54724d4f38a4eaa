import type { TopicName } from '../domain/ids.ts'
import type { FetchedPartition } from '../kafka/cluster.ts'
import { AbortedFilter } from '../records/aborted.ts'
import {
  baseOffset,
  crcMatches,
  lastOffset,
  nextBatch,
  type RecordSetCursor,
  recordSet,
} from '../records/batch.ts'
import { MalformedBatch, OffsetTooLarge } from '../records/errors.ts'
import { oldCrcMatches } from '../records/old-format.ts'

/** Source or target offsets `from` (inclusive) to `to` (exclusive) of one partition. */
export interface ReadRange {
  readonly topic: TopicName
  readonly partition: number
  readonly from: number
  readonly to: number
  /** Ranges within it that are passed over unread, ascending: whatever stands there may be damaged, or too large for the other side. */
  readonly without?: readonly { readonly from: number; readonly to: number }[]
}

/**
 * Why nothing more comes.
 * - `end`: everything up to the end of the range was given.
 * - `out-of-range`: the log starts above the next offset; `logStart` is where.
 * - `failed`: it cannot be read on; `detail` says why, for people.
 */
export type ReadStop =
  | { readonly kind: 'end' }
  | { readonly kind: 'out-of-range'; readonly offset: number; readonly logStart: number }
  | { readonly kind: 'failed'; readonly offset: number; readonly detail: string }

/** A batch begins with its offset. */
const OFFSET_BYTES = 8

/** Whole batches of one answer, in order. */
interface FetchedSet {
  readonly records: Buffer
  readonly aborted: FetchedPartition['abortedTransactions']
}

/**
 * The visible batches of one range: control batches, aborted transactions and empty batches are passed over. `LogReader` fills it;
 * one consumer takes batches with {@link next} and waits with {@link more}. Nothing is copied: a batch stays valid while referenced.
 */
export class LogStream {
  readonly range: ReadRange
  /** The batch that {@link next} found: where it is, and the offsets of its header. It may reach out of the range on both sides. */
  batch: Buffer = Buffer.alloc(0)
  at = 0
  base = 0
  last = 0

  /** The next offset to fetch; all before it was fetched. */
  fetchOffset: number
  /** Bytes that were fetched and not yet passed. */
  buffered = 0

  #sets: FetchedSet[] = []
  #firstSet = 0
  #cursor: RecordSetCursor | undefined
  /** The last offset of the batch before. */
  #passed = -1
  readonly #filter = new AbortedFilter()
  #stop: ReadStop | undefined
  #stopped: ReadStop | undefined
  #wake: (() => void) | undefined
  readonly #onDrained: () => void

  constructor(range: ReadRange, onDrained: () => void) {
    this.range = range
    this.fetchOffset = this.#past(range.from)
    this.#onDrained = onDrained
    if (this.fetchOffset >= range.to) this.#stop = { kind: 'end' }
  }

  /** The offset, or the end of what is to be passed over there. */
  #past(offset: number): number {
    const { without = [] } = this.range
    return without.reduce((at, { from, to }) => (at >= from && at < to ? to : at), offset)
  }

  /** Set once {@link next} said `end`. */
  get stopped(): ReadStop | undefined {
    return this.#stopped
  }

  /** True once nothing more is to be fetched. */
  get complete(): boolean {
    return this.#stop !== undefined
  }

  /** Moves to the next visible batch. `wait`: nothing is here yet, ask again after {@link more}. */
  next(): 'batch' | 'wait' | 'end' {
    if (this.#stopped !== undefined) return 'end'
    try {
      return this.#advance()
    } catch (error) {
      if (!(error instanceof MalformedBatch || error instanceof OffsetTooLarge)) throw error
      const detail = `a batch near offset ${this.last} is malformed (${error.message})`
      return this.#end({ kind: 'failed', offset: this.last, detail })
    }
  }

  #advance(): 'batch' | 'wait' | 'end' {
    for (;;) {
      const cursor = this.#cursor ?? this.#takeSet()
      if (cursor === undefined) {
        if (this.#stop === undefined) return 'wait'
        this.#stopped = this.#stop
        return 'end'
      }
      const item = nextBatch(cursor)
      if (item === 'end') {
        this.#dropSet(cursor)
        continue
      }
      // Only whole batches and messages were put in: see `take`.
      const { buf, at, length } = cursor
      const isOld = item === 'old-format'
      const last = isOld ? baseOffset(buf, at) : lastOffset(buf, at)
      // A message of an old format only says which offset its last record has.
      const base = isOld ? Math.min(this.#passed + 1, last) : baseOffset(buf, at)
      this.#passed = last
      if (last < this.range.from) continue
      if (base >= this.range.to) return this.#end({ kind: 'end' })
      if (!(isOld ? oldCrcMatches(buf, at) : crcMatches(buf, at, length))) {
        return this.#end({
          kind: 'failed',
          offset: base,
          detail: `the batch at offset ${base} is damaged (its CRC does not fit)`,
        })
      }
      if (!isOld && !this.#filter.isVisible(buf, at, last)) continue
      this.batch = buf
      this.at = at
      this.base = base
      this.last = last
      return 'batch'
    }
  }

  /** Settles when {@link next} will say something other than `wait`. One waiter at a time. */
  more(): Promise<void> {
    if (this.#firstSet < this.#sets.length || this.#stop !== undefined) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** Nothing more is wanted; what is buffered is let go. */
  close(): void {
    this.finish({ kind: 'end' })
    this.#sets = []
    this.#firstSet = 0
    this.#cursor = undefined
    this.buffered = 0
  }

  /**
   * For the reader: takes what a fetch brought. Answers how many bytes of whole batches there were; 0 is no progress, then
   * `wanted` is what the first batch needs if that was cut off.
   */
  take(
    records: Buffer,
    aborted: FetchedPartition['abortedTransactions'],
  ): {
    readonly bytes: number
    readonly wanted: number
  } {
    if (this.#stop !== undefined) return { bytes: 0, wanted: 0 }
    const cursor = recordSet(records)
    for (;;) {
      const item = nextBatch(cursor)
      const isWhole = item === 'batch' || item === 'old-format'
      // Of what is passed over nothing is believed but where it begins.
      const skipped = this.#skippedAt(cursor)
      if (isWhole && skipped === undefined) {
        const last = item === 'batch' ? lastOffset : baseOffset
        const after = last(records, cursor.at) + 1
        this.fetchOffset = this.#past(after)
        if (this.fetchOffset === after) continue
      }
      const isPassed = isWhole && skipped === undefined
      const bytes = item === 'end' || isPassed ? cursor.next : cursor.at
      if (bytes > 0) this.#put(records.subarray(0, bytes), aborted)
      if (skipped !== undefined) this.fetchOffset = skipped
      const goesOn = item === 'end' || item === 'partial' || isPassed || skipped !== undefined
      if (goesOn) {
        if (this.fetchOffset >= this.range.to) this.finish({ kind: 'end' })
        const isCut = bytes === 0 && skipped === undefined
        return { bytes, wanted: isCut ? cursor.length : 0 }
      }
      this.finish({
        kind: 'failed',
        offset: this.fetchOffset,
        detail: `what stands at offset ${this.fetchOffset} is no record batch (${item})`,
      })
      return { bytes, wanted: 0 }
    }
  }

  /** Where to go on instead of at what stands at the cursor; undefined if that is wanted. */
  #skippedAt({ buf, at, end }: Readonly<RecordSetCursor>): number | undefined {
    if (this.range.without === undefined || end - at < OFFSET_BYTES) return undefined
    const past = this.#past(baseOffset(buf, at))
    // One that was fetched from behind the range begins in it, and is wanted.
    return past > this.fetchOffset ? past : undefined
  }

  /** For the reader: nothing more comes, after what is buffered. */
  finish(stop: ReadStop): void {
    this.#stop ??= stop
    this.#wakeUp()
  }

  #put(records: Buffer, aborted: FetchedPartition['abortedTransactions']): void {
    this.#sets.push({ records, aborted })
    this.buffered += records.length
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #takeSet(): RecordSetCursor | undefined {
    const set = this.#sets[this.#firstSet]
    if (set === undefined) return undefined
    this.#cursor = recordSet(set.records)
    this.#filter.start(set.aborted)
    return this.#cursor
  }

  #dropSet(cursor: RecordSetCursor): void {
    this.#cursor = undefined
    this.buffered -= cursor.end
    this.#firstSet++
    if (this.#firstSet === this.#sets.length) {
      this.#sets = []
      this.#firstSet = 0
    }
    this.#onDrained()
  }

  #end(stop: ReadStop): 'end' {
    this.close()
    this.#stopped = stop
    return 'end'
  }
}
