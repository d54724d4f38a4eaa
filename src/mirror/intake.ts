import type { FetchedPartition } from '../kafka/cluster.ts'
import {
  AbortedFilter,
  ATTRIBUTES,
  attributes,
  baseOffset,
  type Codec,
  classify,
  clearAttributes,
  codec,
  lastOffset,
  lastOffsetDelta,
  MalformedBatch,
  nextBatch,
  oldCodec,
  oldCrcMatches,
  type RecordSetCursor,
  RecordTable,
  RecordTooLarge,
  type ReEncodeReason,
  recordCount,
  recordSet,
  reEncode,
} from '../records/index.ts'

/** What was opened, for tests and metrics: nothing of what passes through. */
export interface IntakeCounters {
  batchesReEncoded: number
  recordsReEncoded: number
}

/** Batches that are ready to be sent, next to each other. Their base offsets are the source's. */
export interface Piece {
  readonly buf: Buffer
  readonly at: number
  readonly end: number
  /** Made here: not a part of the Fetch answer. */
  readonly isOwn: boolean
}

/** Why nothing behind `from` can be taken. */
export interface Block {
  readonly reason: ReEncodeReason
  readonly from: number
  readonly to: number
  readonly detail?: string
  /** `to` is where it ends: not known of damage until it was looked for. */
  readonly isWhole?: boolean
}

/** What a Fetch answer about one partition comes to. */
export interface Taken {
  readonly pieces: Piece[]
  /** Offsets of the source without a record for consumers, as pairs of from (inclusive) and to (exclusive); neighbours may touch. */
  readonly gaps: (readonly [from: number, to: number])[]
  /** The source offset to go on from. */
  next: number
  block: Block | undefined
}

export interface IntakeOptions {
  readonly records: Buffer
  readonly aborted: FetchedPartition['abortedTransactions']
  /** Everything below was taken before. */
  readonly next: number
  /** Nothing at or behind it is taken, whatever stands there: an accepted gap begins there. Absent: all of the answer. */
  readonly until?: number
  /** The target's `max.message.bytes`. */
  readonly maxBytes: number
  /** Identical offsets: a batch must not reach over a hole. */
  readonly splitAtHoles: boolean
  readonly counters: IntakeCounters
}

/** Bytes of old messages that are made into one batch; each is one by itself. */
const OLD_RUN_BYTES = 256 * 1024

/** Shared by all partitions: nothing of an answer is kept after it. */
const filter = new AbortedFilter()
const table = new RecordTable()

/** What stays in memory between answers, for tests. */
export const keptBytes = (): number => table.heldBytes

/**
 * Turns a record set into batches that the target takes. What can pass through is left where it is, and no record of it is looked at; of a
 * transactional batch without holes only header bits change. Everything else is opened and encoded anew with the source's codec: holes,
 * a start inside of a batch, append time, old formats, batches that are too large.
 */
export const takeIn = (options: IntakeOptions): Taken => {
  try {
    return new Intake(options).run()
  } finally {
    table.rest()
  }
}

class Intake {
  readonly #options: IntakeOptions
  readonly #taken: Taken
  readonly #until: number
  /** The run of batches that pass through. */
  #start = -1
  #end = 0
  /** Messages of an old format that are in the table, and their last offset. */
  #oldBytes = 0
  #oldLast = -1
  /** Up to where gaps were told: in a table offsets may be missing, too. */
  #next: number

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#until = options.until ?? Number.POSITIVE_INFINITY
    this.#next = options.next
    this.#taken = { pieces: [], gaps: [], next: options.next, block: undefined }
  }

  run(): Taken {
    filter.start(this.#options.aborted)
    const cursor = recordSet(this.#options.records)
    for (let goesOn = this.#next < this.#until; goesOn; ) {
      const item = nextBatch(cursor)
      if (item === 'end' || item === 'partial') break
      goesOn = this.#guarded(() => this.#take(item, cursor))
    }
    this.#guarded(() => this.#endOldRun())
    this.#endRun()
    this.#taken.next = this.#next
    return this.#taken
  }

  /** What is thrown about bytes of the source stops the partition there, after everything before. */
  #guarded(take: () => boolean): boolean {
    try {
      return take()
    } catch (error) {
      if (error instanceof RecordTooLarge) {
        this.#skipTo(error.offset)
        return this.#stop('too-large', error.offset, error.offset + 1)
      }
      if (!(error instanceof MalformedBatch)) throw error
      const from = this.#oldBytes > 0 ? this.#oldLast + 1 : this.#next
      return this.#stop('malformed', from, from + 1, error.message)
    }
  }

  #take(item: 'batch' | 'old-format' | 'unknown-magic' | 'bad-length', cursor: RecordSetCursor) {
    if (this.#until < Number.POSITIVE_INFINITY && this.#isAtEnd(item, cursor)) {
      return this.#endAt(this.#until)
    }
    if (item === 'old-format') return this.#takeOld(cursor)
    this.#endOldRun()
    if (item === 'bad-length') return this.#stop('malformed', this.#next, this.#next + 1)
    const { buf, at } = cursor
    const last = item === 'batch' ? lastOffset(buf, at) : this.#next
    const limits = { expectedNext: this.#next, maxBytes: this.#options.maxBytes }
    const verdict = classify(buf, at, limits)
    if (verdict !== 'crc-mismatch' && item === 'batch' && this.#isBelow(last)) {
      filter.isVisible(buf, at, last)
      return true
    }
    switch (verdict) {
      case 'pass-through':
        if (last >= this.#until) return this.#takePart(cursor)
        // The filter must see every marker and every producer's batches in their order.
        filter.isVisible(buf, at, last)
        return this.#pass(cursor)
      case 'old-format':
      case 'unknown-magic':
      case 'crc-mismatch':
        // No other field of it means anything.
        return this.#stop(verdict, this.#next, this.#next + 1)
      case 'malformed':
      case 'unknown-attributes':
        return this.#stop(verdict, this.#next, Math.max(this.#next, last) + 1)
    }
    if (last < this.#next) return this.#stop('malformed', this.#next, this.#next + 1)
    if (last >= this.#until) return this.#takePart(cursor)
    if (!filter.isVisible(buf, at, last)) {
      this.#skipTo(last + 1)
      return true
    }
    return this.#carry(cursor, last)
  }

  /** What stands from there on is not judged, nor believed but for where it begins; an old set only says where it ends. */
  #isAtEnd(item: string, { buf, at }: RecordSetCursor): boolean {
    const next = this.#oldBytes > 0 ? this.#oldLast + 1 : this.#next
    if (next >= this.#until) return true
    if (item === 'old-format' && oldCrcMatches(buf, at)) return false
    return baseOffset(buf, at) >= this.#until
  }

  /**
   * A Fetch answers with whole batches; one that ends below what was asked for is not ours to judge, but a marker may count. Only before
   * anything else: behind it, an offset that low is damage, and what it hides must not become a gap.
   */
  #isBelow(last: number): boolean {
    const { next } = this.#options
    return last < next && this.#next === next && this.#oldBytes === 0
  }

  #carry(cursor: RecordSetCursor, last: number): boolean {
    const { buf, at, length } = cursor
    const base = baseOffset(buf, at)
    const isDense = lastOffsetDelta(buf, at) === recordCount(buf, at) - 1
    const isAppendTime = (attributes(buf, at) & ATTRIBUTES.logAppendTime) !== 0
    const fits = length <= this.#options.maxBytes
    if (isDense && !isAppendTime && fits && base >= this.#next) {
      this.#skipTo(base)
      clearAttributes(buf, at, ATTRIBUTES.transactional | ATTRIBUTES.deleteHorizon)
      return this.#pass(cursor)
    }
    table.load(buf, at, this.#next)
    this.#encode(codec(buf, at)!)
    this.#skipTo(last + 1)
    return true
  }

  #pass({ buf, at, next }: RecordSetCursor): boolean {
    if (this.#start < 0) this.#start = at
    else if (at !== this.#end) {
      this.#endRun()
      this.#start = at
    }
    this.#end = next
    this.#next += recordCount(buf, at)
    return true
  }

  /** Messages that are not compressed are one record each: neighbours are put into one batch. */
  #takeOld(cursor: RecordSetCursor): boolean {
    const { buf, at, length } = cursor
    if (!oldCrcMatches(buf, at)) {
      this.#endOldRun()
      return this.#stop('crc-mismatch', this.#next, this.#next + 1)
    }
    const last = baseOffset(buf, at)
    if (this.#isBelow(last)) return true
    if (last >= this.#until) {
      // Only a set can reach over it: a message by itself begins where it ends.
      this.#endOldRun()
      table.clear()
      table.load(buf, at, this.#next, this.#until)
      if (table.count > 0) this.#encode(oldCodec(buf, at) ?? 'none')
      return this.#endAt(this.#until)
    }
    if (last < this.#next || last <= this.#oldLast) {
      this.#endOldRun()
      return this.#stop('malformed', this.#next, this.#next + 1)
    }
    const isSet = oldCodec(buf, at) !== 'none'
    if (isSet || this.#oldBytes + length > OLD_RUN_BYTES) this.#endOldRun()
    if (this.#oldBytes === 0) table.clear()
    table.load(buf, at, this.#next)
    this.#oldBytes += length
    this.#oldLast = last
    if (!isSet) return true
    this.#oldBytes = 0
    this.#encode(oldCodec(buf, at) ?? 'none')
    this.#skipTo(last + 1)
    return true
  }

  #endOldRun(): boolean {
    if (this.#oldBytes === 0) return true
    this.#oldBytes = 0
    this.#encode('none')
    this.#skipTo(this.#oldLast + 1)
    return true
  }

  /** What is in the table, and the holes between its records. */
  #encode(as: Codec): void {
    this.#endRun()
    const { counters, maxBytes, splitAtHoles } = this.#options
    const { pieces } = this.#taken
    counters.batchesReEncoded++
    counters.recordsReEncoded += table.count
    let row = 0
    reEncode(table, { codec: as, maxBytes, splitAtHoles }, (batch) => {
      pieces.push({ buf: batch, at: 0, end: batch.length, isOwn: true })
      for (const end = row + recordCount(batch, 0); row < end; row++) {
        this.#skipTo(table.offsets[row]!)
        this.#next++
      }
    })
  }

  /** Of a batch that reaches to the end of what is taken, what stands below. */
  #takePart({ buf, at }: RecordSetCursor): boolean {
    if (filter.isVisible(buf, at, lastOffset(buf, at))) {
      table.load(buf, at, this.#next, this.#until)
      if (table.count > 0) this.#encode(codec(buf, at)!)
    }
    return this.#endAt(this.#until)
  }

  #endAt(offset: number): boolean {
    this.#endOldRun()
    this.#skipTo(offset)
    return false
  }

  #skipTo(offset: number): void {
    if (offset <= this.#next) return
    this.#taken.gaps.push([this.#next, offset])
    this.#next = offset
  }

  #endRun(): void {
    if (this.#start < 0) return
    const { records } = this.#options
    this.#taken.pieces.push({ buf: records, at: this.#start, end: this.#end, isOwn: false })
    this.#start = -1
  }

  #stop(reason: ReEncodeReason, from: number, to: number, detail?: string): false {
    this.#taken.block ??= { reason, from, to, ...(detail !== undefined && { detail }) }
    return false
  }
}
