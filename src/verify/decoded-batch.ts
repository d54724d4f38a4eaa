import { producerId } from '../records/batch.ts'
import { MalformedBatch, OffsetTooLarge } from '../records/errors.ts'
import type { Timestamp } from '../records/int64.ts'
import { forEachRecord, type RecordSlice } from '../records/read-records.ts'
import type { LogStream, ReadStop } from './log-stream.ts'

/** A record that was taken out of its batch, to be kept. */
export interface KeptRecord {
  readonly offset: number
  readonly timestamp: Timestamp
  readonly attributes: number
  /** Key length to the end of the headers, as on the wire. */
  readonly content: Buffer
  /** Of its batch; the mirror's are the mark's. */
  readonly producerId: bigint
}

/**
 * The records of one batch, as arrays that are used again for the next: two sides can then be walked in step, which callbacks cannot,
 * and no object is made per record.
 */
export class DecodedBatch {
  /** The records from `place` to `count` are still to be looked at. */
  place = 0
  count = 0
  bytes: Buffer = Buffer.alloc(0)
  offsets = new Float64Array(1024)
  timestamps: Timestamp[] = []
  attributes = new Uint8Array(1024)
  starts = new Int32Array(1024)
  ends = new Int32Array(1024)
  #batch: Buffer = this.bytes
  #at = 0
  #from = 0
  #to = 0

  /** Takes the stream's batch, without what lies outside of its range. Throws MalformedBatch, OffsetTooLarge. */
  load(stream: LogStream): void {
    this.place = 0
    this.count = 0
    this.#batch = stream.batch
    this.#at = stream.at
    this.#from = stream.range.from
    this.#to = stream.range.to
    forEachRecord(stream.batch, stream.at, this.#take)
  }

  /** A copy of the record at `place`. */
  keep(place: number): KeptRecord {
    return {
      offset: this.offsets[place]!,
      timestamp: this.timestamps[place]!,
      attributes: this.attributes[place]!,
      content: Buffer.from(this.bytes.subarray(this.starts[place]!, this.ends[place]!)),
      producerId: producerId(this.#batch, this.#at),
    }
  }

  readonly #take = (record: RecordSlice): void => {
    const { offset } = record
    if (offset < this.#from || offset >= this.#to) return
    const place = this.count
    if (place === this.offsets.length) this.#grow()
    this.offsets[place] = offset
    this.timestamps[place] = record.timestamp
    this.attributes[place] = record.attributes
    this.starts[place] = record.contentStart
    this.ends[place] = record.contentEnd
    this.bytes = record.bytes
    this.count = place + 1
  }

  #grow(): void {
    const size = this.offsets.length * 2
    const grown = <T extends Float64Array | Uint8Array | Int32Array>(next: T, old: T): T => {
      next.set(old)
      return next
    }
    this.offsets = grown(new Float64Array(size), this.offsets)
    this.attributes = grown(new Uint8Array(size), this.attributes)
    this.starts = grown(new Int32Array(size), this.starts)
    this.ends = grown(new Int32Array(size), this.ends)
  }
}

/** {@link DecodedBatch.load}; a batch that cannot be decoded is an answer, as it is one more way in which reading stops. */
export const decode = (into: DecodedBatch, stream: LogStream): ReadStop | undefined => {
  try {
    into.load(stream)
    return undefined
  } catch (error) {
    if (!(error instanceof MalformedBatch || error instanceof OffsetTooLarge)) throw error
    const detail = `the batch at offset ${stream.base} is malformed (${error.message})`
    return { kind: 'failed', offset: stream.base, detail }
  }
}

/** Below this a call into native code costs more than the loop. */
const LOOP_BYTES = 40

/** Whether two slices hold the same bytes. */
export const sameBytes = (
  one: Buffer,
  start: number,
  end: number,
  other: Buffer,
  otherStart: number,
  otherEnd: number,
): boolean => {
  const length = end - start
  if (length !== otherEnd - otherStart) return false
  if (length > LOOP_BYTES) return one.compare(other, otherStart, otherEnd, start, end) === 0
  for (let i = 0; i < length; i++) {
    if (one[start + i] !== other[otherStart + i]) return false
  }
  return true
}
