import {
  ATTRIBUTES,
  attributes,
  baseOffset,
  baseTimestamp,
  lastOffsetDelta,
  magic,
  maxTimestamp,
  recordCount,
} from './batch.ts'
import { MalformedBatch } from './errors.ts'
import { addTimestamps, type Timestamp } from './int64.ts'
import { type Bytes, forEachOldRecord } from './old-format.ts'
import { LEAST_RECORD_BYTES, recordsOf } from './read-records.ts'
import { type ReadPosition, readVarint, readVarlong, sizeOfVarint, writeVarint } from './varint.ts'

const LEAST_ROWS = 1024
const LEAST_BYTES = 16 * 1024
/** What is kept for the next use: enough for batches of a usual size. */
const MOST_ROWS_KEPT = 64 * 1024
const MOST_BYTES_KEPT = 1024 * 1024

const NOTHING: Buffer = Buffer.alloc(0)

/** What a short zigzag varint stands for. */
const signed = (zigzag: number): number => (zigzag >>> 1) ^ -(zigzag & 1)

/**
 * Records of one batch, or of several messages of an old format, as arrays that are used again for the next: no object is made per
 * record. Contents are always laid out as in format 2: key length, key, value length, value, headers.
 */
export class RecordTable {
  count = 0
  bytes: Buffer = NOTHING
  offsets = new Float64Array(LEAST_ROWS)
  timestamps: Timestamp[] = []
  attributes = new Uint8Array(LEAST_ROWS)
  starts = new Int32Array(LEAST_ROWS)
  ends = new Int32Array(LEAST_ROWS)
  /** Where contents of old messages are laid out anew. */
  #own: Buffer = NOTHING
  #ownEnd = 0
  #from = 0
  #to = 0

  clear(): void {
    this.count = 0
    this.#ownEnd = 0
  }

  /** Empties it, and lets go of what it points to, and of room that only large batches take: a table that is kept must not hold those. */
  rest(): void {
    this.clear()
    this.bytes = NOTHING
    if (this.#own.length > MOST_BYTES_KEPT) this.#own = NOTHING
    if (this.offsets.length <= MOST_ROWS_KEPT) return
    this.timestamps = []
    this.offsets = new Float64Array(LEAST_ROWS)
    this.attributes = new Uint8Array(LEAST_ROWS)
    this.starts = new Int32Array(LEAST_ROWS)
    this.ends = new Int32Array(LEAST_ROWS)
  }

  /** What it holds on to, its own rows included. */
  get heldBytes(): number {
    const rows = this.offsets.length * (8 + 8 + 1 + 4 + 4)
    return rows + this.#own.length + (this.bytes === this.#own ? 0 : this.bytes.buffer.byteLength)
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
    this.#read(buf, at)
  }

  /**
   * What `forEachRecord` does, as one loop that fills the rows: it runs once per record of everything that is compared. Varints of one and
   * two bytes are written out; a byte past the end of the buffer is undefined, which is no such varint, and one past the end of the records
   * is found by where the record ends.
   */
  #read(buf: Buffer, at: number): void {
    const { bytes, start, end } = recordsOf(buf, at)
    const count = recordCount(buf, at)
    if (count < 0 || count * LEAST_RECORD_BYTES > end - start) {
      throw new MalformedBatch('record-count', `${count} records in ${end - start} bytes`)
    }
    while (this.offsets.length < count) this.#grow()
    this.bytes = bytes
    const { offsets, timestamps, attributes: recordAttributes, starts, ends } = this
    const [from, to] = [this.#from, this.#to]
    const base = baseOffset(buf, at)
    const lastDelta = lastOffsetDelta(buf, at)
    const appendTime = (attributes(buf, at) & ATTRIBUTES.logAppendTime) !== 0
    const batchTime = appendTime ? maxTimestamp(buf, at) : baseTimestamp(buf, at)
    const position: ReadPosition = { at: start }
    let p = start
    let before = -1
    let row = 0
    for (let i = 0; i < count; i++) {
      let length: number
      let byte = bytes[p]!
      let next = bytes[p + 1]!
      if (byte < 128) {
        length = signed(byte)
        p += 1
      } else if (next < 128) {
        length = signed((byte & 127) | (next << 7))
        p += 2
      } else {
        position.at = p
        length = readVarint(bytes, position, end)
        p = position.at
      }
      const recordEnd = p + length
      if (length < LEAST_RECORD_BYTES - 1 || recordEnd > end) {
        throw new MalformedBatch('record-length', `record ${i} has ${length} bytes`)
      }
      const ownAttributes = bytes[p++]!

      let timestampDelta: Timestamp
      byte = bytes[p]!
      next = bytes[p + 1]!
      if (byte < 128) {
        timestampDelta = signed(byte)
        p += 1
      } else if (next < 128) {
        timestampDelta = signed((byte & 127) | (next << 7))
        p += 2
      } else {
        position.at = p
        timestampDelta = readVarlong(bytes, position, recordEnd)
        p = position.at
      }

      let offsetDelta: number
      byte = bytes[p]!
      next = bytes[p + 1]!
      if (byte < 128) {
        offsetDelta = signed(byte)
        p += 1
      } else if (next < 128) {
        offsetDelta = signed((byte & 127) | (next << 7))
        p += 2
      } else {
        position.at = p
        offsetDelta = readVarint(bytes, position, recordEnd)
        p = position.at
      }
      if (p > recordEnd) {
        throw new MalformedBatch('truncated', `record ${i} ends inside of its deltas`)
      }
      // Brokers do not check the deltas of uncompressed batches. A wrong one would corrupt the offset index.
      if (offsetDelta <= before || offsetDelta > lastDelta) {
        throw new MalformedBatch('offset-delta', `record ${i} has ${offsetDelta} after ${before}`)
      }
      before = offsetDelta
      const offset = base + offsetDelta
      if (offset >= from && offset < to) {
        offsets[row] = offset
        timestamps[row] = appendTime ? batchTime : addTimestamps(batchTime, timestampDelta)
        recordAttributes[row] = ownAttributes
        starts[row] = p
        ends[row] = recordEnd
        row++
      }
      p = recordEnd
    }
    if (p !== end) {
      throw new MalformedBatch('record-count', `${end - p} bytes after record ${count - 1}`)
    }
    this.count = row
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
