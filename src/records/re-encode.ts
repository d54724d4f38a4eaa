import { CODECS, type Codec, HEADER_BYTES, LAYOUT, LENGTH_OVERHEAD } from './batch.ts'
import { compress } from './codecs.ts'
import { subtractTimestamps, type Timestamp, writeInt32, writeTimestamp } from './int64.ts'
import type { RecordTable } from './record-table.ts'
import { sealCrc } from './rewrite.ts'
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts'

/** What {@link reEncode} makes. */
export interface ReEncodeOptions {
  /** That of the source, so that nothing takes more room on the target. */
  readonly codec: Codec
  /** The target's `max.message.bytes`. */
  readonly maxBytes: number
  /** Identical offsets: what a batch holds must have followed each other on the source, too. */
  readonly splitAtHoles: boolean
}

/** A single record that is larger than the target takes: nothing can be split there. */
export class RecordTooLarge extends Error {
  readonly offset: number
  readonly bytes: number

  constructor(offset: number, bytes: number) {
    super(`the record at offset ${offset} makes a batch of ${bytes} bytes`)
    this.name = 'RecordTooLarge'
    this.offset = offset
    this.bytes = bytes
  }
}

/**
 * Writes the records of a table into plain v2 batches: no holes inside, CreateTime, no producer; the base offset is the source's of the
 * first record. Contents are copied as bytes. A batch larger than the target takes is split between records. Throws RecordTooLarge, after
 * everything before that record was emitted.
 */
export const reEncode = (
  table: RecordTable,
  options: ReEncodeOptions,
  emit: (batch: Buffer) => void,
): void => {
  const { offsets, count } = table
  for (let from = 0, to = 1; from < count; to++) {
    const isEnd = to === count || (options.splitAtHoles && offsets[to]! !== offsets[to - 1]! + 1)
    if (!isEnd) continue
    encodeRows(table, from, to, options, emit)
    from = to
  }
}

const encodeRows = (
  table: RecordTable,
  from: number,
  to: number,
  options: ReEncodeOptions,
  emit: (batch: Buffer) => void,
): void => {
  const batch = encodeOne(table, from, to, options.codec)
  if (batch.length <= options.maxBytes) {
    emit(batch)
    return
  }
  if (to - from === 1) throw new RecordTooLarge(table.offsets[from]!, batch.length)
  const middle = (from + to) >>> 1
  encodeRows(table, from, middle, options, emit)
  encodeRows(table, middle, to, options, emit)
}

const encodeOne = (table: RecordTable, from: number, to: number, codec: Codec): Buffer => {
  const { timestamps, attributes, starts, ends, bytes } = table
  const baseTimestamp = timestamps[from]!
  let maxTimestamp: Timestamp = -1
  // Length, attributes, timestamp delta, offset delta take 5 + 1 + 10 + 5 bytes at most.
  let bound = HEADER_BYTES + (to - from) * 21
  for (let row = from; row < to; row++) bound += ends[row]! - starts[row]!
  const plain = Buffer.allocUnsafe(bound)
  let at: number = HEADER_BYTES
  for (let row = from; row < to; row++) {
    const timestamp = timestamps[row]!
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    const delta = subtractTimestamps(timestamp, baseTimestamp)
    const content = ends[row]! - starts[row]!
    at = writeVarint(plain, at, 1 + sizeOfVarlong(delta) + sizeOfVarint(row - from) + content)
    plain[at++] = attributes[row]!
    at = writeVarlong(plain, at, delta)
    at = writeVarint(plain, at, row - from)
    bytes.copy(plain, at, starts[row]!, ends[row]!)
    at += content
  }
  const batch = codec === 'none' ? plain.subarray(0, at) : compressed(codec, plain, at)
  writeInt32(batch, LAYOUT.batchLength, batch.length - LENGTH_OVERHEAD)
  batch.writeBigInt64BE(BigInt(table.offsets[from]!), LAYOUT.baseOffset)
  writeInt32(batch, LAYOUT.partitionLeaderEpoch, -1)
  batch[LAYOUT.magic] = 2
  batch.writeUInt16BE(CODECS.indexOf(codec), LAYOUT.attributes)
  writeInt32(batch, LAYOUT.lastOffsetDelta, to - from - 1)
  writeTimestamp(batch, LAYOUT.baseTimestamp, baseTimestamp)
  writeTimestamp(batch, LAYOUT.maxTimestamp, maxTimestamp)
  // No producer: id, epoch and sequence are stamped when it is sent.
  batch.fill(0xff, LAYOUT.producerId, LAYOUT.recordCount)
  writeInt32(batch, LAYOUT.recordCount, to - from)
  sealCrc(batch, 0)
  return batch
}

const compressed = (codec: Codec, plain: Buffer, end: number): Buffer => {
  const body = compress(codec, plain.subarray(HEADER_BYTES, end))
  const batch = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  batch.set(body, HEADER_BYTES)
  return batch
}
