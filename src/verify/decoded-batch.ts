import { magic, producerId } from '../records/batch.ts'
import { MalformedBatch, OffsetTooLarge } from '../records/errors.ts'
import type { Timestamp } from '../records/int64.ts'
import { RecordTable } from '../records/record-table.ts'
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

/** The records of one batch: two sides can then be walked in step, which callbacks cannot. */
export class DecodedBatch extends RecordTable {
  /** The records from `place` to `count` are still to be looked at. */
  place = 0
  #batch: Buffer = this.bytes
  #at = 0

  /** Takes the stream's batch, without what lies outside of its range. Throws MalformedBatch, OffsetTooLarge. */
  take(stream: LogStream): void {
    this.place = 0
    this.clear()
    this.#batch = stream.batch
    this.#at = stream.at
    const { from, to, without = [] } = stream.range
    this.load(stream.batch, stream.at, from, to)
    for (const range of without) this.#drop(range.from, range.to)
  }

  /** Takes out the records of a range of offsets. */
  #drop(from: number, to: number): void {
    const { offsets, timestamps, attributes, starts, ends, count } = this
    if (count === 0 || from > offsets[count - 1]! || to <= offsets[0]!) return
    let kept = 0
    for (let i = 0; i < count; i++) {
      if (offsets[i]! >= from && offsets[i]! < to) continue
      offsets[kept] = offsets[i]!
      timestamps[kept] = timestamps[i]!
      attributes[kept] = attributes[i]!
      starts[kept] = starts[i]!
      ends[kept] = ends[i]!
      kept++
    }
    this.count = kept
  }

  /** A copy of the record at `place`. */
  keep(place: number): KeptRecord {
    return {
      offset: this.offsets[place]!,
      timestamp: this.timestamps[place]!,
      attributes: this.attributes[place]!,
      content: Buffer.from(this.bytes.subarray(this.starts[place]!, this.ends[place]!)),
      producerId: magic(this.#batch, this.#at) < 2 ? -1n : producerId(this.#batch, this.#at),
    }
  }
}

/** {@link DecodedBatch.take}; a batch that cannot be decoded is an answer, as it is one more way in which reading stops. */
export const decode = (into: DecodedBatch, stream: LogStream): ReadStop | undefined => {
  try {
    into.take(stream)
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
