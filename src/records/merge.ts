import {
  attributes,
  batchBytes,
  HEADER_BYTES,
  LAYOUT,
  LENGTH_OVERHEAD,
  lastOffsetDelta,
  recordCount,
} from './batch.ts'
import { MalformedBatch } from './errors.ts'
import { readInt64Rounded, writeInt32, writeTimestamp } from './int64.ts'
import { type ProducerStamp, stampAndSeal } from './rewrite.ts'
import { sizeOfUnsigned } from './varint.ts'

/** Where merging stops paying: measured, broker CPU per GB no longer falls (kafka-facts.md, "Relay rates"). */
export const MERGE_TARGET_BYTES = 256 * 1024

/**
 * What one record may grow by: its timestamp delta from 1 byte to 8, its offset delta from 1 to 5, and its length, which counts
 * these 11, by one.
 */
export const GROWTH_PER_RECORD = 12

/** Up to here native `set` costs more to call than four bytes at a time in JavaScript (measured: 60 ns against 49 at 250 bytes). */
const SMALL_COPY_BYTES = 320

/**
 * Timestamps up to here (year 73,326; microseconds, too) have differences and zigzag values that are exact in a double. Batches
 * beyond, with nanoseconds for instance, are left alone.
 */
const MOST_TIMESTAMP = 2 ** 51

/** Zigzag doubles a delta. */
const MOST_DELTA = 2 ** 52

/**
 * What `Merger.add` did.
 *
 * - `added`: the batch's records are in.
 * - `full`: no room. Take what is there, start again, add it again.
 * - `alone`: it cannot be merged (compressed, special attributes, holes, timestamps beyond 2^51, larger than an empty buffer). Send
 *   it by itself, after what is there.
 */
export type AddResult = 'added' | 'full' | 'alone'

/** `Uint8Array#set` without `Buffer`'s checks, which cost as much as the call. */
const setBytes = Uint8Array.prototype.set

const NO_VIEW: DataView = new DataView(new ArrayBuffer(0))

/** -1: not mergeable, as no end is before the start of the output. */
const NOT_EXACT = -1

/**
 * Makes one uncompressed v2 batch of neighbouring ones: same records, same order, same timestamps, offsets renumbered. It makes no
 * object per record or batch and copies each record's content (key, value, headers) once, as bytes. Reusable:
 *
 *     merger.start(buffer)
 *     while (merger.add(source, at) === 'added') ...
 *     merger.finish(stamp)          // the batch is buffer[0, merger.bytes)
 *
 * The caller has classified every batch as `pass-through`: no CRC is checked here.
 */
export class Merger {
  #out: Buffer = Buffer.alloc(0)
  #outView: DataView = NO_VIEW
  #limit = 0
  #bytes = 0
  #records = 0
  #batches = 0
  #baseTimestamp = 0
  #maxTimestamp = -1
  /** The buffer that was read last, and a view of it: the batches of a Fetch answer share one. */
  #source: Buffer | undefined
  #sourceView: DataView = NO_VIEW

  /** Forgets everything and merges into `into` from its first byte, up to `limit` bytes (default: all of it). */
  start(into: Buffer, limit: number = into.length): void {
    this.#out = into
    this.#outView = new DataView(into.buffer, into.byteOffset, into.length)
    this.#limit = Math.min(limit, into.length)
    this.#bytes = HEADER_BYTES
    this.#records = 0
    this.#batches = 0
    this.#maxTimestamp = -1
  }

  /** Bytes of the merged batch so far, its header included. */
  get bytes(): number {
    return this.#bytes
  }

  /** Records so far. */
  get records(): number {
    return this.#records
  }

  /** Batches added since `start`. With one, send that one itself: it needs no copy. */
  get batches(): number {
    return this.#batches
  }

  /**
   * Adds the uncompressed v2 batch at `at` of `source`, which must be there in full. Throws MalformedBatch if its records do not
   * fill it exactly; what was added before is still good then.
   */
  add(source: Buffer, at: number): AddResult {
    if (attributes(source, at) !== 0) return 'alone'
    const length = batchBytes(source, at)
    if (length > source.length - at) throw new MalformedBatch('truncated', 'the batch is cut off')
    return this.addRecords(source, at, source, at + HEADER_BYTES, at + length)
  }

  /**
   * Like {@link add} for a batch whose header is at `at` of `header`, and whose records, decompressed, are bytes `from` to `to` of
   * `records`.
   */
  addRecords(header: Buffer, at: number, records: Buffer, from: number, to: number): AddResult {
    const count = recordCount(header, at)
    if (count <= 0 || lastOffsetDelta(header, at) !== count - 1) return 'alone'
    const base = readInt64Rounded(header, at + LAYOUT.baseTimestamp)
    if (base > MOST_TIMESTAMP || base < -MOST_TIMESTAMP) return 'alone'
    if (this.#bytes + (to - from) + count * GROWTH_PER_RECORD > this.#limit) {
      return this.#batches === 0 ? 'alone' : 'full'
    }
    if (this.#batches === 0) this.#baseTimestamp = base
    if (records !== this.#source) {
      this.#source = records
      this.#sourceView = new DataView(records.buffer, records.byteOffset, records.length)
    }
    const end = this.#copy(records, from, to, count, base)
    if (end === NOT_EXACT) return 'alone'
    this.#bytes = end
    this.#records += count
    this.#batches++
    return 'added'
  }

  /**
   * Writes the header: base offset 0, the largest timestamp, the producer, the CRC. The batch is the first {@link bytes} bytes of the
   * buffer given to {@link start}. Throws RangeError if nothing was added.
   */
  finish(stamp: ProducerStamp): Buffer {
    if (this.#records === 0) throw new RangeError('nothing was merged')
    const out = this.#out
    this.writeHeader(out, this.#bytes, 0)
    stampAndSeal(out, 0, stamp)
    // They would keep a whole Fetch answer alive until the next batch of this partition.
    this.#source = undefined
    this.#sourceView = NO_VIEW
    return out.subarray(0, this.#bytes)
  }

  /** Writes what {@link finish} does into another batch of these records, but for producer and CRC. */
  writeHeader(out: Buffer, length: number, attributeBits: number): void {
    writeInt32(out, LAYOUT.batchLength, length - LENGTH_OVERHEAD)
    out[LAYOUT.magic] = 2
    out[LAYOUT.attributes] = 0
    out[LAYOUT.attributes + 1] = attributeBits
    writeInt32(out, LAYOUT.lastOffsetDelta, this.#records - 1)
    writeTimestamp(out, LAYOUT.baseTimestamp, this.#baseTimestamp)
    writeTimestamp(out, LAYOUT.maxTimestamp, this.#maxTimestamp)
    writeInt32(out, LAYOUT.recordCount, this.#records)
  }

  /**
   * Copies `count` records and returns the output position after them, or NOT_EXACT. One loop on purpose, with the varints
   * written out: it runs once per record of every small batch that is mirrored. Reads past the end of a buffer give undefined,
   * which ends a varint, and are found by the comparison with `to`, so that no byte needs a check of its own.
   */
  #copy(source: Buffer, from: number, to: number, count: number, base: number): number {
    const out = this.#out
    const outView = this.#outView
    const view = this.#sourceView
    const rebase = base - this.#baseTimestamp
    let maxTimestamp = this.#maxTimestamp
    let offsetZigzag = this.#records * 2
    let o = this.#bytes
    let p = from
    for (let i = 0; i < count; i++) {
      // Length.
      let byte = source[p++]!
      let zigzag = byte & 127
      for (let bits = 7; byte > 127; bits += 7) {
        if (bits > 28) throw new MalformedBatch('bad-varint', `the length of record ${i}`)
        byte = source[p++]!
        zigzag |= (byte & 127) << bits
      }
      const recordEnd = p + ((zigzag >>> 1) ^ -(zigzag & 1))
      if (recordEnd > to) throw new MalformedBatch('record-length', `record ${i}`)
      const recordAttributes = source[p++]!

      // Timestamp delta: up to 28 bits as an integer, then as a double.
      byte = source[p++]!
      zigzag = byte & 127
      let delta: number
      if (byte > 127) {
        let bits = 7
        do {
          byte = source[p++]!
          zigzag |= (byte & 127) << bits
          bits += 7
        } while (byte > 127 && bits < 28)
        if (byte > 127) {
          let wide = zigzag
          let factor = 2 ** 28
          for (let n = 4; byte > 127; n++) {
            if (n === 10) throw new MalformedBatch('bad-varint', `the timestamp of record ${i}`)
            byte = source[p++]!
            wide += (byte & 127) * factor
            factor *= 128
          }
          // Above it the sum was rounded, or is about to be.
          if (wide > Number.MAX_SAFE_INTEGER) return NOT_EXACT
          delta = wide % 2 === 0 ? wide / 2 : -(wide + 1) / 2
        } else {
          delta = (zigzag >>> 1) ^ -(zigzag & 1)
        }
      } else {
        delta = (zigzag >>> 1) ^ -(zigzag & 1)
      }

      // Offset delta: renumbered, so skipped.
      if (source[p++]! > 127) {
        let n = 1
        while (source[p++]! > 127) {
          if (++n === 5) throw new MalformedBatch('bad-varint', `the offset of record ${i}`)
        }
      }
      // Negative lengths end up here, too.
      const contentBytes = recordEnd - p
      if (contentBytes < 3) throw new MalformedBatch('record-length', `record ${i}`)

      const timestamp = base + delta
      if (timestamp > maxTimestamp) maxTimestamp = timestamp
      const newDelta = delta + rebase
      if (newDelta < 0x40000000 && newDelta >= -0x40000000) {
        let timeZigzag = (newDelta << 1) ^ (newDelta >> 31)
        const deltaBytes = sizeOfUnsigned(timeZigzag) + sizeOfUnsigned(offsetZigzag)
        let lengthZigzag = (1 + deltaBytes + contentBytes) * 2
        while (lengthZigzag > 127) {
          out[o++] = (lengthZigzag & 127) | 128
          lengthZigzag >>>= 7
        }
        out[o++] = lengthZigzag
        out[o++] = recordAttributes
        while (timeZigzag > 127) {
          out[o++] = (timeZigzag & 127) | 128
          timeZigzag >>>= 7
        }
        out[o++] = timeZigzag
      } else {
        if (newDelta >= MOST_DELTA || newDelta < -MOST_DELTA) return NOT_EXACT
        let rest = newDelta < 0 ? -2 * newDelta - 1 : 2 * newDelta
        let timeBytes = 1
        for (let r = rest; r >= 128; timeBytes++) r = Math.floor(r / 128)
        let lengthZigzag = (1 + timeBytes + sizeOfUnsigned(offsetZigzag) + contentBytes) * 2
        while (lengthZigzag > 127) {
          out[o++] = (lengthZigzag & 127) | 128
          lengthZigzag >>>= 7
        }
        out[o++] = lengthZigzag
        out[o++] = recordAttributes
        while (rest >= 128) {
          out[o++] = (rest % 128) | 128
          rest = Math.floor(rest / 128)
        }
        out[o++] = rest
      }
      let rest = offsetZigzag
      while (rest > 127) {
        out[o++] = (rest & 127) | 128
        rest >>>= 7
      }
      out[o++] = rest
      offsetZigzag += 2

      if (contentBytes <= SMALL_COPY_BYTES) {
        for (const last = recordEnd - 16; p <= last; o += 16, p += 16) {
          outView.setInt32(o, view.getInt32(p, true), true)
          outView.setInt32(o + 4, view.getInt32(p + 4, true), true)
          outView.setInt32(o + 8, view.getInt32(p + 8, true), true)
          outView.setInt32(o + 12, view.getInt32(p + 12, true), true)
        }
        for (const last = recordEnd - 4; p <= last; o += 4, p += 4) {
          outView.setInt32(o, view.getInt32(p, true), true)
        }
        while (p < recordEnd) out[o++] = source[p++]!
      } else {
        setBytes.call(out, new Uint8Array(source.buffer, source.byteOffset + p, contentBytes), o)
        o += contentBytes
        p = recordEnd
      }
    }
    if (p !== to) throw new MalformedBatch('record-count', `${to - p} bytes after ${count} records`)
    this.#maxTimestamp = maxTimestamp
    return o
  }
}
