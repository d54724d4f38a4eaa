import {
  ATTRIBUTES,
  attributes,
  baseOffset,
  baseTimestamp,
  batchBytes,
  codec,
  HEADER_BYTES,
  lastOffsetDelta,
  magic,
  maxTimestamp,
  recordCount,
} from './batch.ts'
import { decompress, MAX_DECOMPRESSED } from './codecs.ts'
import { MalformedBatch } from './errors.ts'
import { addTimestamps, type Timestamp } from './int64.ts'
import { type ReadPosition, readVarint, readVarlong } from './varint.ts'

/**
 * One record without a copy. `forEachRecord` reuses the object: take what you need before returning.
 * The content is everything that a mirror must not touch: key length, key, value length, value, headers.
 */
export interface RecordSlice {
  readonly offset: number
  readonly timestamp: Timestamp
  /** The record's own attributes byte; unused as of Kafka 4.3. */
  readonly attributes: number
  /** Where the content is: bytes `contentStart` to `contentEnd` (exclusive) of `bytes`. */
  readonly bytes: Buffer
  readonly contentStart: number
  readonly contentEnd: number
}

/** A header as it is on the wire: keys may repeat, values may be null, and neither need be UTF-8. */
export interface RecordHeader {
  readonly key: Buffer
  readonly value: Buffer | null
}

/** Key, value and headers, as slices of the batch. Null and empty differ. */
export interface RecordParts {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/** The shortest record: length, attributes, two deltas, null key, null value, no headers. */
export const LEAST_RECORD_BYTES = 7

/**
 * The uncompressed records of a batch and where they are in `bytes`. `maxBytes` bounds what decompression may yield.
 * Throws MalformedBatch.
 */
export const recordsOf = (
  buf: Buffer,
  at: number,
  maxBytes: number = MAX_DECOMPRESSED,
): { readonly bytes: Buffer; readonly start: number; readonly end: number } => {
  if (buf.length - at < HEADER_BYTES) throw new MalformedBatch('truncated', 'the header is cut off')
  if (magic(buf, at) !== 2) throw new MalformedBatch('not-magic-2', `magic ${magic(buf, at)}`)
  const length = batchBytes(buf, at)
  if (length < HEADER_BYTES) throw new MalformedBatch('bad-length', `${length} bytes`)
  if (length > buf.length - at) throw new MalformedBatch('truncated', 'the batch is cut off')
  const how = codec(buf, at)
  if (how === undefined) throw new MalformedBatch('unknown-codec', `${attributes(buf, at) & 7}`)
  if (how === 'none') return { bytes: buf, start: at + HEADER_BYTES, end: at + length }
  // A batch that a cleaner emptied keeps its codec bits, but has nothing to decompress.
  if (recordCount(buf, at) === 0) return { bytes: buf, start: at, end: at }
  const bytes = decompress(how, buf.subarray(at + HEADER_BYTES, at + length), maxBytes)
  return { bytes, start: 0, end: bytes.length }
}

/**
 * Calls `visit` for every record of the v2 batch at `at`, decompressing if need be, and returns how many there were. With
 * LogAppendTime the timestamp is the batch's, as consumers see it. Throws MalformedBatch before any read out of range, and if
 * counts, lengths or offsets contradict each other; records before that place have been visited by then. Throws OffsetTooLarge.
 */
export const forEachRecord = (
  buf: Buffer,
  at: number,
  visit: (record: RecordSlice) => void,
  options: { readonly maxBytes?: number } = {},
): number => {
  const { bytes, start, end } = recordsOf(buf, at, options.maxBytes)
  const count = recordCount(buf, at)
  if (count < 0 || count * LEAST_RECORD_BYTES > end - start) {
    throw new MalformedBatch('record-count', `${count} records in ${end - start} bytes`)
  }
  const base = baseOffset(buf, at)
  const lastDelta = lastOffsetDelta(buf, at)
  const appendTime = (attributes(buf, at) & ATTRIBUTES.logAppendTime) !== 0
  const batchTime = appendTime ? maxTimestamp(buf, at) : baseTimestamp(buf, at)
  const position: ReadPosition = { at: start }
  const record = {
    offset: base,
    timestamp: batchTime,
    attributes: 0,
    bytes,
    contentStart: 0,
    contentEnd: 0,
  }
  let before = -1
  for (let i = 0; i < count; i++) {
    const length = readVarint(bytes, position, end)
    const recordEnd = position.at + length
    if (length < LEAST_RECORD_BYTES - 1 || recordEnd > end) {
      throw new MalformedBatch('record-length', `record ${i} has ${length} bytes`)
    }
    record.attributes = bytes[position.at++]!
    const timestampDelta = readVarlong(bytes, position, recordEnd)
    const offsetDelta = readVarint(bytes, position, recordEnd)
    // Brokers do not check the deltas of uncompressed batches. A wrong one would corrupt the offset index.
    if (offsetDelta <= before || offsetDelta > lastDelta) {
      throw new MalformedBatch('offset-delta', `record ${i} has ${offsetDelta} after ${before}`)
    }
    before = offsetDelta
    record.offset = base + offsetDelta
    if (!appendTime) record.timestamp = addTimestamps(batchTime, timestampDelta)
    record.contentStart = position.at
    record.contentEnd = recordEnd
    position.at = recordEnd
    visit(record)
  }
  if (position.at !== end) {
    throw new MalformedBatch('record-count', `${end - position.at} bytes after record ${count - 1}`)
  }
  return count
}

const readBytes = (bytes: Buffer, position: ReadPosition, end: number): Buffer | null => {
  const length = readVarint(bytes, position, end)
  // Any negative length is null to the Java clients, though they write -1.
  if (length < 0) return null
  const start = position.at
  if (length > end - start) throw new MalformedBatch('truncated', `a field of ${length} bytes`)
  position.at = start + length
  return bytes.subarray(start, position.at)
}

/**
 * Key, value and headers of a record. Throws MalformedBatch if they do not fill the content exactly.
 *
 *     Content => keyLength varint, key, valueLength varint, value, headerCount varint, [Header]
 *     Header  => keyLength varint, key, valueLength varint, value       length -1: null
 *
 * Source: Kafka's protocol guide, "Record"; `DefaultRecord.java`.
 */
export const parseRecord = (
  record: Pick<RecordSlice, 'bytes' | 'contentStart' | 'contentEnd'>,
): RecordParts => {
  const { bytes, contentEnd } = record
  const position: ReadPosition = { at: record.contentStart }
  const key = readBytes(bytes, position, contentEnd)
  const value = readBytes(bytes, position, contentEnd)
  const headerCount = readVarint(bytes, position, contentEnd)
  // Two bytes are the least that a header takes: bounds the loop before it starts.
  if (headerCount < 0 || headerCount * 2 > contentEnd - position.at) {
    throw new MalformedBatch('record-length', `${headerCount} headers`)
  }
  const headers: RecordHeader[] = []
  for (let i = 0; i < headerCount; i++) {
    const headerKey = readBytes(bytes, position, contentEnd)
    if (headerKey === null) throw new MalformedBatch('record-length', 'a header without a key')
    headers.push({ key: headerKey, value: readBytes(bytes, position, contentEnd) })
  }
  if (position.at !== contentEnd) {
    throw new MalformedBatch('record-length', `${contentEnd - position.at} bytes after the headers`)
  }
  return { key, value, headers }
}
