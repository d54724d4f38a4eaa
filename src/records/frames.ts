import { MalformedBatch } from './errors.ts'

/**
 * One frame of an lz4 or zstd stream, and what it can decompress to at most. Read from the block headers alone, because the
 * decoders at hand allocate first (zstd) or have no limit at all (lz4), and both look at the first frame only.
 */
export interface Frame {
  readonly start: number
  readonly end: number
  /** Upper bound in bytes. */
  readonly bound: number
}

/** Both formats skip frames with these magic numbers: 0x184d2a50 to 0x184d2a5f, then the length. */
const isSkippable = (magic: number): boolean => magic >>> 4 === 0x184d2a5

/** Throws unless `length` bytes are left at `at`; returns the position after them. */
const past = (bytes: Buffer, at: number, length: number): number => {
  if (length > bytes.length - at) throw new MalformedBatch('bad-compression', 'a frame is cut off')
  return at + length
}

const scanFrames = (
  bytes: Buffer,
  name: string,
  magic: number,
  scan: (start: number) => Frame,
): Frame[] => {
  const frames: Frame[] = []
  let at = 0
  while (at < bytes.length) {
    past(bytes, at, 8)
    const found = bytes.readUInt32LE(at)
    if (isSkippable(found)) {
      at = past(bytes, at + 8, bytes.readUInt32LE(at + 4))
      continue
    }
    if (found !== magic) throw new MalformedBatch('bad-compression', `not a frame of ${name}`)
    const frame = scan(at)
    frames.push(frame)
    at = frame.end
  }
  if (frames.length === 0) throw new MalformedBatch('bad-compression', `no frame of ${name}`)
  return frames
}

/**
 * The frames of an lz4 stream.
 *
 *     Frame => magic u32le 0x184d2204, flags u8, blockSize u8, [contentSize u64], [dictionary u32], headerChecksum u8,
 *              [Block], 0 u32, [contentChecksum u32]
 *     Block => size u32le (highest bit: stored as it is), bytes, [checksum u32]
 *
 * Source: lz4's `lz4_Frame_format.md`. Throws MalformedBatch (`bad-compression`).
 */
export const boundLz4 = (bytes: Buffer): readonly Frame[] =>
  scanFrames(bytes, 'lz4', 0x184d2204, (start) => {
    const flags = bytes[start + 4]!
    // Block sizes 4 to 7 are 64 KiB to 4 MiB.
    const blockBytes = 1 << (8 + 2 * Math.max(4, (bytes[start + 5]! >> 4) & 7))
    let at = past(bytes, start, 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0))
    let bound = 0
    for (;;) {
      const body = past(bytes, at, 4)
      const word = bytes.readUInt32LE(at)
      if (word === 0) {
        return { start, end: past(bytes, body, flags & 0x04 ? 4 : 0), bound }
      }
      const size = word & 0x7fffffff
      at = past(bytes, past(bytes, body, size), flags & 0x10 ? 4 : 0)
      // A byte of input extends a match by at most 255.
      bound += word >>> 31 ? size : Math.min(blockBytes, size * 255)
    }
  })

/** `Block_Maximum_Size` of zstd. */
const ZSTD_BLOCK_BYTES = 128 * 1024

/**
 * The frames of a zstd stream.
 *
 *     Frame => magic u32le 0xfd2fb528, descriptor u8, [window u8], [dictionary 1 to 4], [contentSize 1 to 8], [Block], [checksum u32]
 *     Block => header u24le: last bit 0, type bits 1 to 2 (0 stored, 1 one byte repeated, 2 compressed), size; bytes
 *
 * Source: RFC 8878. Throws MalformedBatch (`bad-compression`).
 */
export const boundZstd = (bytes: Buffer): readonly Frame[] =>
  scanFrames(bytes, 'zstd', 0xfd2fb528, (start) => {
    const descriptor = bytes[start + 4]!
    const single = (descriptor & 0x20) !== 0
    const sizeFlag = descriptor >>> 6
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
    const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag
    const sizeAt = past(bytes, start + 5, (single ? 0 : 1) + dictionaryBytes)
    let at = past(bytes, sizeAt, sizeBytes)
    let bound = 0
    for (let last = false; !last; ) {
      const body = past(bytes, at, 3)
      const header = bytes.readUIntLE(at, 3)
      last = (header & 1) === 1
      const type = (header >>> 1) & 3
      const size = header >>> 3
      if (type === 3) throw new MalformedBatch('bad-compression', 'a zstd block of an unknown type')
      at = past(bytes, body, type === 1 ? 1 : size)
      bound += type === 2 ? ZSTD_BLOCK_BYTES : size
    }
    // The decoder allocates what the frame says, so a frame must not say more than its blocks can yield.
    const says = sizeBytes === 0 ? 0 : contentSize(bytes, sizeAt, sizeBytes)
    if (says > bound) throw new MalformedBatch('bad-compression', `a zstd frame of ${says} bytes`)
    return { start, end: past(bytes, at, descriptor & 0x04 ? 4 : 0), bound }
  })

const contentSize = (bytes: Buffer, at: number, size: number): number =>
  size === 8
    ? Number(bytes.readBigUInt64LE(at))
    : bytes.readUIntLE(at, size) + (size === 2 ? 256 : 0)
