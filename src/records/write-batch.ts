import { ATTRIBUTES, CODECS, type Codec, HEADER_BYTES, LAYOUT, LENGTH_OVERHEAD } from './batch.ts'
import { compress } from './codecs.ts'
import { subtractTimestamps, type Timestamp, writeInt32, writeTimestamp } from './int64.ts'
import type { RecordSlice } from './read-records.ts'
import { type ProducerStamp, sealCrc, stampHeader } from './rewrite.ts'
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts'

/** A record written from its parts. Headers may repeat a key; null and empty differ. */
export interface NewRecord {
  readonly timestamp: Timestamp
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly { readonly key: Buffer; readonly value: Buffer | null }[]
  /** Default: its place in the list. Give it to leave holes. */
  readonly offsetDelta?: number
}

/** A record whose content is copied as it is, from `forEachRecord`. */
export interface CopiedRecord
  extends Pick<RecordSlice, 'timestamp' | 'bytes' | 'contentStart' | 'contentEnd'> {
  readonly attributes?: number
  readonly offsetDelta?: number
}

/** What {@link encodeBatch} writes. Defaults are those of a batch on its way to a broker, without a producer. */
export interface BatchParts {
  readonly records: readonly (NewRecord | CopiedRecord)[]
  /** Default `none`. */
  readonly codec?: Codec
  /** Default: the first record's timestamp, or -1. */
  readonly baseTimestamp?: Timestamp
  /** Default: the largest of the records, or -1. */
  readonly maxTimestamp?: Timestamp
  readonly baseOffset?: number
  /** Default: the last record's offset delta. */
  readonly lastOffsetDelta?: number
  readonly partitionLeaderEpoch?: number
  readonly producerId?: bigint
  readonly epoch?: number
  readonly baseSequence?: number
  /** Bits besides the codec's ({@link ATTRIBUTES}). */
  readonly attributes?: number
}

const sizeOfBytes = (bytes: Buffer | null): number =>
  bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length

const writeBytes = (buf: Buffer, at: number, bytes: Buffer | null): number => {
  if (bytes === null) return writeVarint(buf, at, -1)
  const start = writeVarint(buf, at, bytes.length)
  buf.set(bytes, start)
  return start + bytes.length
}

const sizeOfContent = (record: NewRecord | CopiedRecord): number => {
  if ('bytes' in record) return record.contentEnd - record.contentStart
  const headers = record.headers ?? []
  let size = sizeOfBytes(record.key) + sizeOfBytes(record.value) + sizeOfVarint(headers.length)
  for (const header of headers) size += sizeOfBytes(header.key) + sizeOfBytes(header.value)
  return size
}

const writeContent = (buf: Buffer, start: number, record: NewRecord | CopiedRecord): number => {
  if ('bytes' in record) {
    buf.set(record.bytes.subarray(record.contentStart, record.contentEnd), start)
    return start + record.contentEnd - record.contentStart
  }
  const headers = record.headers ?? []
  let at = writeBytes(buf, start, record.key)
  at = writeBytes(buf, at, record.value)
  at = writeVarint(buf, at, headers.length)
  for (const header of headers) {
    at = writeBytes(buf, at, header.key)
    at = writeBytes(buf, at, header.value)
  }
  return at
}

/** The records area, uncompressed. */
const encodeRecords = (
  records: BatchParts['records'],
  baseTimestamp: Timestamp,
): { readonly payload: Buffer; readonly lastDelta: number } => {
  // Length, attributes, timestamp delta, offset delta take 5 + 1 + 10 + 5 bytes at most.
  const bound = records.reduce((sum, record) => sum + 21 + sizeOfContent(record), 0)
  const payload = Buffer.allocUnsafe(bound)
  let at = 0
  let lastDelta = -1
  records.forEach((record, i) => {
    lastDelta = record.offsetDelta ?? i
    const timestampDelta = subtractTimestamps(record.timestamp, baseTimestamp)
    const deltas = sizeOfVarlong(timestampDelta) + sizeOfVarint(lastDelta)
    at = writeVarint(payload, at, 1 + deltas + sizeOfContent(record))
    payload[at++] = 'bytes' in record ? (record.attributes ?? 0) : 0
    at = writeVarlong(payload, at, timestampDelta)
    at = writeVarint(payload, at, lastDelta)
    at = writeContent(payload, at, record)
  })
  return { payload: payload.subarray(0, at), lastDelta }
}

const largest = (records: BatchParts['records']): Timestamp => {
  let max: Timestamp = -1
  for (const { timestamp } of records) if (timestamp > max) max = timestamp
  return max
}

/**
 * A v2 batch with these records and its CRC. Not for the hot path: it makes several objects per record (`Merger` makes none).
 * Throws RangeError if a number does not fit its field.
 */
export const encodeBatch = (parts: BatchParts): Buffer => {
  const { records, codec = 'none' } = parts
  const baseTimestamp = parts.baseTimestamp ?? records[0]?.timestamp ?? -1
  const { payload, lastDelta } = encodeRecords(records, baseTimestamp)
  const body = compress(codec, payload)
  const batch = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  batch.writeBigInt64BE(BigInt(parts.baseOffset ?? 0), LAYOUT.baseOffset)
  batch.writeInt32BE(batch.length - LENGTH_OVERHEAD, LAYOUT.batchLength)
  batch.writeInt32BE(parts.partitionLeaderEpoch ?? -1, LAYOUT.partitionLeaderEpoch)
  batch[LAYOUT.magic] = 2
  const bits = ((parts.attributes ?? 0) & ~ATTRIBUTES.codecMask) | CODECS.indexOf(codec)
  batch.writeUInt16BE(bits, LAYOUT.attributes)
  batch.writeInt32BE(parts.lastOffsetDelta ?? lastDelta, LAYOUT.lastOffsetDelta)
  writeTimestamp(batch, LAYOUT.baseTimestamp, baseTimestamp)
  writeTimestamp(batch, LAYOUT.maxTimestamp, parts.maxTimestamp ?? largest(records))
  batch.writeBigInt64BE(parts.producerId ?? -1n, LAYOUT.producerId)
  batch.writeInt16BE(parts.epoch ?? -1, LAYOUT.producerEpoch)
  batch.writeInt32BE(parts.baseSequence ?? -1, LAYOUT.baseSequence)
  batch.writeInt32BE(records.length, LAYOUT.recordCount)
  batch.set(body, HEADER_BYTES)
  sealCrc(batch, 0)
  return batch
}

/** The most records of one filler batch: what was measured to prime 10 million offsets a second (kafka-facts.md). */
export const MAX_FILLER_RECORDS = 100_000
/** Priming uses full batches and one rest per partition; a rest is not worth its memory for long. */
const FILLER_TEMPLATES = 8
const fillerTemplates = new Map<number, Buffer>()

const makeFillerTemplate = (count: number): Buffer => {
  // Attributes 0, timestamp delta 0, offset delta, null key (-1 is 0x01), null value, no headers.
  const payload = Buffer.allocUnsafe(count * 9)
  let at = 0
  for (let i = 0; i < count; i++) {
    at = writeVarint(payload, at, 5 + sizeOfVarint(i))
    payload[at++] = 0
    payload[at++] = 0
    at = writeVarint(payload, at, i)
    payload[at++] = 1
    payload[at++] = 1
    payload[at++] = 0
  }
  const body = compress('gzip', payload.subarray(0, at), 1)
  const batch = Buffer.alloc(HEADER_BYTES + body.length)
  writeInt32(batch, LAYOUT.batchLength, batch.length - LENGTH_OVERHEAD)
  batch[LAYOUT.magic] = 2
  batch.writeInt16BE(CODECS.indexOf('gzip'), LAYOUT.attributes)
  writeInt32(batch, LAYOUT.lastOffsetDelta, count - 1)
  writeTimestamp(batch, LAYOUT.baseTimestamp, -1)
  writeTimestamp(batch, LAYOUT.maxTimestamp, -1)
  writeInt32(batch, LAYOUT.recordCount, count)
  batch.set(body, HEADER_BYTES)
  sealCrc(batch, 0)
  return batch
}

/**
 * A batch of `count` (1 to {@link MAX_FILLER_RECORDS}) empty records that takes as many offsets: null key, null value, no
 * headers, timestamp -1, gzip level 1, about 1.4 bytes each. The compressed records are made once per count; a call copies
 * them, because the caller's batch may still be on its way when the next one is stamped. Throws RangeError for another count.
 */
export const encodeFiller = (count: number, stamp: ProducerStamp): Buffer => {
  if (!Number.isInteger(count) || count < 1 || count > MAX_FILLER_RECORDS) {
    throw new RangeError(`a filler batch holds 1 to ${MAX_FILLER_RECORDS} records, not ${count}`)
  }
  const template = fillerTemplates.get(count) ?? makeFillerTemplate(count)
  // Set again at each use, so that the map's first key is the one longest unused.
  fillerTemplates.delete(count)
  fillerTemplates.set(count, template)
  const [longestUnused] = fillerTemplates.keys()
  if (fillerTemplates.size > FILLER_TEMPLATES) fillerTemplates.delete(longestUnused!)
  const batch = Buffer.from(template)
  stampHeader(batch, 0, stamp)
  return batch
}
