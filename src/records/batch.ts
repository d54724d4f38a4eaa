import { crc32c } from './crc.ts'
import { readInt32, readInt64Rounded, readOffset, readTimestamp, type Timestamp } from './int64.ts'

/**
 * Where the fields of a v2 batch are, in bytes from its start. Numbers are big endian.
 *
 *     RecordBatch => baseOffset            int64   0
 *                    batchLength           int32   8   bytes after this field
 *                    partitionLeaderEpoch  int32  12
 *                    magic                 int8   16   2; at the same place in the old formats
 *                    crc                   uint32 17   CRC32C from attributes to the end
 *                    attributes            int16  21   see ATTRIBUTES
 *                    lastOffsetDelta       int32  23
 *                    baseTimestamp         int64  27   delete horizon, if attribute bit 6 is set
 *                    maxTimestamp          int64  35
 *                    producerId            int64  43   -1: none
 *                    producerEpoch         int16  51
 *                    baseSequence          int32  53
 *                    recordCount           int32  57
 *                    records                      61   compressed as one block if a codec is set
 *
 * Source: Kafka's protocol guide, "Record Batch"; the comment of `DefaultRecordBatch.java`.
 */
export const LAYOUT = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

/** Bytes before the first record. */
export const HEADER_BYTES = LAYOUT.records
/** Bytes that `batchLength` does not count. */
export const LENGTH_OVERHEAD = 12
/** `batchLength` of a v0 message with null key and value: the smallest thing a message set can hold. */
const OLD_FORMAT_LEAST_LENGTH = 14

/** Bits of a batch's attributes. Bits 7 to 15 are unused as of Kafka 4.3. */
export const ATTRIBUTES = {
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  /** `baseTimestamp` is the time after which the cleaner removes this batch's tombstones (KIP-534). */
  deleteHorizon: 0x40,
  unknownMask: 0xff80,
} as const

/** The codecs by their number in the attributes. 5 to 7 are not in use. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
/** One of {@link CODECS}. */
export type Codec = (typeof CODECS)[number]

/** Bytes of the whole batch that starts at `at`, its header included. */
export const batchBytes = (buf: Uint8Array, at: number): number =>
  readInt32(buf, at + LAYOUT.batchLength) + LENGTH_OVERHEAD
/** 2 for the format of this folder; 0 and 1 are the formats of Kafka before 0.11. */
export const magic = (buf: Uint8Array, at: number): number => buf[at + LAYOUT.magic]!
/** Offset of the first record. Throws OffsetTooLarge. */
export const baseOffset = (buf: Buffer, at: number): number => readOffset(buf, at)
/** Offset of the last record, or what it was before a cleaner removed it. Throws OffsetTooLarge. */
export const lastOffset = (buf: Buffer, at: number): number =>
  readOffset(buf, at) + lastOffsetDelta(buf, at)
/** Epoch of the leader that wrote the batch; not covered by the CRC. */
export const partitionLeaderEpoch = (buf: Uint8Array, at: number): number =>
  readInt32(buf, at + LAYOUT.partitionLeaderEpoch)
/** The stored CRC as a signed number. */
export const storedCrc = (buf: Uint8Array, at: number): number => readInt32(buf, at + LAYOUT.crc)
/** All attribute bits, 0 to 0xffff. */
export const attributes = (buf: Uint8Array, at: number): number =>
  (buf[at + LAYOUT.attributes]! << 8) | buf[at + LAYOUT.attributes + 1]!
/** The codec, or undefined for the unused numbers 5 to 7. */
export const codec = (buf: Uint8Array, at: number): Codec | undefined =>
  CODECS[attributes(buf, at) & ATTRIBUTES.codecMask]
/** Last offset minus base offset. */
export const lastOffsetDelta = (buf: Uint8Array, at: number): number =>
  readInt32(buf, at + LAYOUT.lastOffsetDelta)
/** What record timestamps are deltas to, in ms. */
export const baseTimestamp = (buf: Buffer, at: number): Timestamp =>
  readTimestamp(buf, at + LAYOUT.baseTimestamp)
/** The largest record timestamp; with LogAppendTime the timestamp of every record. */
export const maxTimestamp = (buf: Buffer, at: number): Timestamp =>
  readTimestamp(buf, at + LAYOUT.maxTimestamp)
/** Id of the idempotent or transactional producer, or -1n. */
export const producerId = (buf: Buffer, at: number): bigint =>
  buf.readBigInt64BE(at + LAYOUT.producerId)
/** Whether the batch is of this producer, without making a bigint. `id` up to 2^53 - 1, which brokers never reach. */
export const isOfProducer = (buf: Uint8Array, at: number, id: number): boolean =>
  readInt64Rounded(buf, at + LAYOUT.producerId) === id
/** Epoch of the producer, or -1. */
export const producerEpoch = (buf: Uint8Array, at: number): number =>
  ((buf[at + LAYOUT.producerEpoch]! << 24) >> 16) | buf[at + LAYOUT.producerEpoch + 1]!
/** Sequence of the first record, or -1. */
export const baseSequence = (buf: Uint8Array, at: number): number =>
  readInt32(buf, at + LAYOUT.baseSequence)
/** How many records the batch says to hold: 0 where a cleaner kept only the header. */
export const recordCount = (buf: Uint8Array, at: number): number =>
  readInt32(buf, at + LAYOUT.recordCount)

/** True if the stored CRC is that of the bytes. `length` is the whole batch's ({@link batchBytes}), at least 61. */
export const crcMatches = (buf: Uint8Array, at: number, length: number): boolean =>
  crc32c(buf, at + LAYOUT.attributes, at + length) === storedCrc(buf, at)

/**
 * What stands at a position of a record set.
 *
 * - `batch`: a whole v2 batch.
 * - `old-format`: a whole message of format 0 or 1 (`magic` says which).
 * - `unknown-magic`: a whole thing of a format that this version does not know.
 * - `partial`: the set ends inside of it, as a Fetch answer may: fetch again from its offset. If it is the first of an answer,
 *   the limit is smaller than the batch (brokers before 0.10.1 only); `length` is what it needs, or 0 if even that is cut off.
 * - `bad-length`: a length that nothing can have. What follows cannot be found: stop.
 * - `end`: nothing more.
 */
export type RecordSetItem =
  | 'batch'
  | 'old-format'
  | 'unknown-magic'
  | 'partial'
  | 'bad-length'
  | 'end'

/** A position in a record set; {@link nextBatch} moves it. */
export interface RecordSetCursor {
  readonly buf: Buffer
  /** Start and whole length in bytes of what {@link nextBatch} found; magic -1 if unreadable. */
  at: number
  length: number
  magic: number
  /** Where the next one starts, and where the set ends. */
  next: number
  readonly end: number
}

/** A cursor before the first batch of the record set at `start` to `end` (exclusive) of `buf`. */
export const recordSet = (buf: Buffer, start = 0, end = buf.length): RecordSetCursor => ({
  buf,
  at: start,
  length: 0,
  magic: -1,
  next: start,
  end: Math.min(end, buf.length),
})

/** Moves to the next batch and says what is there. `partial` and `bad-length` are answered again and again. */
export const nextBatch = (cursor: RecordSetCursor): RecordSetItem => {
  const { buf, next, end } = cursor
  cursor.at = next
  cursor.length = 0
  cursor.magic = -1
  const left = end - next
  if (left <= 0) return 'end'
  if (left < LENGTH_OVERHEAD) return 'partial'
  const inner = readInt32(buf, next + LAYOUT.batchLength)
  if (inner < OLD_FORMAT_LEAST_LENGTH) return 'bad-length'
  cursor.length = inner + LENGTH_OVERHEAD
  if (left <= LAYOUT.magic) return 'partial'
  const format = magic(buf, next)
  cursor.magic = format
  if (format === 2 && inner < HEADER_BYTES - LENGTH_OVERHEAD) return 'bad-length'
  if (cursor.length > left) return 'partial'
  cursor.next = next + cursor.length
  return format === 2 ? 'batch' : format < 2 ? 'old-format' : 'unknown-magic'
}

/**
 * Calls `visit` for everything in a record set up to its end, or up to and including a `partial` or `bad-length`.
 * The cursor is reused: do not keep it. Returns the position after the last whole batch.
 */
export const forEachBatch = (
  buf: Buffer,
  visit: (item: Exclude<RecordSetItem, 'end'>, cursor: Readonly<RecordSetCursor>) => void,
  range: { readonly start?: number; readonly end?: number } = {},
): number => {
  const cursor = recordSet(buf, range.start, range.end)
  for (;;) {
    const item = nextBatch(cursor)
    if (item === 'end') return cursor.next
    visit(item, cursor)
    if (item === 'partial' || item === 'bad-length') return cursor.next
  }
}
