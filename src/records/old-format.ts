import { crc32 } from '@node-rs/crc32'
import { ATTRIBUTES, batchBytes, CODECS, type Codec, LAYOUT } from './batch.ts'
import { decompress, MAX_DECOMPRESSED } from './codecs.ts'
import { MalformedBatch } from './errors.ts'
import { readInt32, readOffset, readTimestamp, type Timestamp } from './int64.ts'
import { xxh32 } from './xxh32.ts'

/**
 * The formats of Kafka before 0.11, each message by itself. A compressed set is one message whose value holds the others:
 *
 *     Message => offset int64        0   of a compressed set: that of its last message
 *                size int32          8   bytes after this field
 *                crc uint32         12   CRC-32 (of zlib) from magic to the end
 *                magic int8         16   0, or 1 since 0.10
 *                attributes int8    17   bits 0 to 2: codec; bit 3, format 1: LogAppendTime
 *                timestamp int64    18   format 1 only
 *                key, value: length int32 (-1: null), bytes
 *
 * Inner offsets are absolute in format 0; in format 1 they are relative, and the last one has the outer offset. With LogAppendTime the
 * outer timestamp is that of all. Source: Kafka's protocol guide, "Old Message Format"; `AbstractLegacyRecordBatch.java`.
 */
const OLD = { crc: 12, attributes: 17, rest: 18 } as const

/** Bytes of a key or value; null and empty differ. */
export type Bytes = Buffer | null

/** One message, opened. */
interface Message {
  readonly offset: number
  readonly format: number
  readonly attributes: number
  /** -1 in format 0, which has none. */
  readonly timestamp: Timestamp
  readonly key: Bytes
  readonly value: Bytes
}

const bytesAt = (buf: Buffer, at: number, end: number): { bytes: Bytes; next: number } => {
  if (at + 4 > end) throw new MalformedBatch('truncated', 'a message ends inside of a length')
  const length = readInt32(buf, at)
  if (length < 0) return { bytes: null, next: at + 4 }
  if (length > end - at - 4) throw new MalformedBatch('truncated', `a field of ${length} bytes`)
  return { bytes: buf.subarray(at + 4, at + 4 + length), next: at + 4 + length }
}

const readMessage = (buf: Buffer, at: number): Message => {
  if (buf.length - at < OLD.rest) throw new MalformedBatch('truncated', 'a message is cut off')
  const end = at + batchBytes(buf, at)
  if (end > buf.length) throw new MalformedBatch('truncated', 'a message is cut off')
  const format = buf[at + LAYOUT.magic]!
  if (format > 1) throw new MalformedBatch('bad-length', `format ${format} inside of an old one`)
  const timed = format === 1 ? 8 : 0
  if (end - at < OLD.rest + timed + 8) throw new MalformedBatch('bad-length', 'a short message')
  const key = bytesAt(buf, at + OLD.rest + timed, end)
  const value = bytesAt(buf, key.next, end)
  if (value.next !== end) {
    throw new MalformedBatch('record-length', `${end - value.next} bytes after the value`)
  }
  return {
    offset: readOffset(buf, at),
    format,
    attributes: buf[at + OLD.attributes]!,
    timestamp: format === 1 ? readTimestamp(buf, at + OLD.rest) : -1,
    key: key.bytes,
    value: value.bytes,
  }
}

/** True if the stored CRC is that of the message. The whole of it is there. */
export const oldCrcMatches = (buf: Buffer, at: number): boolean => {
  const end = at + batchBytes(buf, at)
  return (crc32(buf.subarray(at + LAYOUT.magic, end)) | 0) === readInt32(buf, at + OLD.crc)
}

/** The codec of a message; `none` for one that stands for itself. Undefined for the unused numbers. */
export const oldCodec = (buf: Buffer, at: number): Codec | undefined =>
  CODECS[buf[at + OLD.attributes]! & ATTRIBUTES.codecMask]

/**
 * Calls `visit` for each record of the message at `at`: itself, or those in it. Throws MalformedBatch, OffsetTooLarge.
 */
export const forEachOldRecord = (
  buf: Buffer,
  at: number,
  visit: (offset: number, timestamp: Timestamp, key: Bytes, value: Bytes) => void,
): void => {
  const outer = readMessage(buf, at)
  const codec = CODECS[outer.attributes & ATTRIBUTES.codecMask]
  if (codec === undefined || codec === 'zstd') {
    throw new MalformedBatch('unknown-codec', `codec ${outer.attributes & ATTRIBUTES.codecMask}`)
  }
  if (codec === 'none') {
    visit(outer.offset, outer.timestamp, outer.key, outer.value)
    return
  }
  if (outer.value === null) throw new MalformedBatch('record-count', 'a compressed null')
  const compressed =
    codec === 'lz4' && outer.format === 0 ? withRightLz4Checksum(outer.value) : outer.value
  const inner = readSet(decompress(codec, compressed, MAX_DECOMPRESSED), outer.format)
  const last = inner.at(-1)
  if (last === undefined) throw new MalformedBatch('record-count', 'an empty compressed set')
  const shift = outer.format === 0 ? 0 : outer.offset - last.offset
  const appended = outer.format === 1 && (outer.attributes & ATTRIBUTES.logAppendTime) !== 0
  let before = -1
  for (const message of inner) {
    const offset = message.offset + shift
    if (offset <= before || offset > outer.offset) {
      throw new MalformedBatch('offset-delta', `offset ${offset} in a set up to ${outer.offset}`)
    }
    before = offset
    visit(offset, appended ? outer.timestamp : message.timestamp, message.key, message.value)
  }
}

const readSet = (set: Buffer, format: number): readonly Message[] => {
  const messages: Message[] = []
  for (let at = 0; at < set.length; ) {
    const message = readMessage(set, at)
    if (message.format !== format) {
      throw new MalformedBatch('bad-length', `format ${message.format} inside of ${format}`)
    }
    if (message.attributes & ATTRIBUTES.codecMask) {
      throw new MalformedBatch('bad-compression', 'a compressed set inside of another')
    }
    if (!oldCrcMatches(set, at)) {
      throw new MalformedBatch('bad-compression', `the checksum of message ${messages.length}`)
    }
    messages.push(message)
    at += batchBytes(set, at)
  }
  return messages
}

const LZ4_MAGIC_BYTES = 4
/** Bit 3 of the first flags: the content's size follows. */
const LZ4_CONTENT_SIZE = 0x08

/**
 * Clients of format 0 computed the checksum of an lz4 frame's descriptor over the magic number, too (KAFKA-3160). Decoders refuse that,
 * so a copy gets the right one.
 */
const withRightLz4Checksum = (frame: Buffer): Buffer => {
  const size = frame.length > LZ4_MAGIC_BYTES && frame[4]! & LZ4_CONTENT_SIZE ? 8 : 0
  const at = LZ4_MAGIC_BYTES + 2 + size
  if (frame.length <= at) return frame
  const copy = Buffer.from(frame)
  copy[at] = (xxh32(copy.subarray(LZ4_MAGIC_BYTES, at)) >>> 8) & 0xff
  return copy
}
