import { magic } from './batch.ts'
import type { Timestamp } from './int64.ts'
import { type Bytes, forEachOldRecord } from './old-format.ts'
import { forEachRecord, type RecordSlice } from './read-records.ts'
import { sizeOfVarint, writeVarint } from './varint.ts'

const LEAST_ROWS = 1024
const LEAST_BYTES = 16 * 1024

/**
 * Records of one batch, or of several messages of an old format, as arrays that are used again for the next: no object is made per
 * record. Contents are always laid out as in format 2: key length, key, value length, value, headers.
 */
export class RecordTable {
  count = 0
  bytes: Buffer = Buffer.alloc(0)
  offsets = new Float64Array(LEAST_ROWS)
  timestamps: Timestamp[] = []
  attributes = new Uint8Array(LEAST_ROWS)
  starts = new Int32Array(LEAST_ROWS)
  ends = new Int32Array(LEAST_ROWS)
  /** Where contents of old messages are laid out anew. */
  #own: Buffer = Buffer.alloc(0)
  #ownEnd = 0
  #from = 0
  #to = 0

  clear(): void {
    this.count = 0
    this.#ownEnd = 0
  }

  /**
   * Takes the records with offsets `from` to `to` (exclusive) of the batch, or the message of an old format, at `at`. Those of an old
   * format are added to what is there, others replace it. Throws MalformedBatch, OffsetTooLarge.
   */
  load(buf: Buffer, at: number, from: number, to = Number.POSITIVE_INFINITY): void {
    this.#from = from
    this.#to = to
    if (magic(buf, at) < 2) {
      forEachOldRecord(buf, at, this.#takeOld)
      this.bytes = this.#own
      return
    }
    this.clear()
    forEachRecord(buf, at, this.#take)
  }

  readonly #take = (record: RecordSlice): void => {
    if (!this.#isWanted(record.offset)) return
    this.bytes = record.bytes
    this.#add(record.offset, record.timestamp, record.attributes)
    this.starts[this.count - 1] = record.contentStart
    this.ends[this.count - 1] = record.contentEnd
  }

  readonly #takeOld = (offset: number, timestamp: Timestamp, key: Bytes, value: Bytes): void => {
    if (!this.#isWanted(offset)) return
    this.#add(offset, timestamp, 0)
    this.starts[this.count - 1] = this.#ownEnd
    this.#write(key)
    this.#write(value)
    this.#room(1)
    // No headers.
    this.#own[this.#ownEnd++] = 0
    this.ends[this.count - 1] = this.#ownEnd
  }

  #isWanted(offset: number): boolean {
    return offset >= this.#from && offset < this.#to
  }

  #add(offset: number, timestamp: Timestamp, attributes: number): void {
    const row = this.count++
    if (row === this.offsets.length) this.#grow()
    this.offsets[row] = offset
    this.timestamps[row] = timestamp
    this.attributes[row] = attributes
  }

  #write(bytes: Bytes): void {
    const length = bytes === null ? -1 : bytes.length
    this.#room(sizeOfVarint(length) + Math.max(length, 0))
    this.#ownEnd = writeVarint(this.#own, this.#ownEnd, length)
    if (bytes === null) return
    this.#own.set(bytes, this.#ownEnd)
    this.#ownEnd += length
  }

  #room(bytes: number): void {
    if (this.#ownEnd + bytes <= this.#own.length) return
    const grown = Buffer.allocUnsafe(
      Math.max(LEAST_BYTES, this.#own.length * 2, this.#ownEnd + bytes),
    )
    this.#own.copy(grown, 0, 0, this.#ownEnd)
    this.#own = grown
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
