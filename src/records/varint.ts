import { MalformedBatch } from './errors.ts'
import type { Timestamp } from './int64.ts'

/**
 * Zigzag varints as Kafka writes them (`ByteUtils.readVarint`, `readVarlong`): seven bits a byte, lowest first, at most
 * 5 bytes for 32 and 10 bytes for 64 bits.
 */

/** Where a reader stands; moved by the read functions. */
export interface ReadPosition {
  at: number
}

/** The 32-bit number at `position`. Throws {@link MalformedBatch} (`truncated`, `bad-varint`) rather than pass `end`. */
export const readVarint = (buf: Uint8Array, position: ReadPosition, end: number): number => {
  let at = position.at
  let zigzag = 0
  for (let shift = 0; shift <= 28; shift += 7) {
    if (at >= end) throw new MalformedBatch('truncated', `a varint runs past byte ${end}`)
    const byte = buf[at++]!
    zigzag |= (byte & 127) << shift
    if (byte < 128) {
      position.at = at
      return (zigzag >>> 1) ^ -(zigzag & 1)
    }
  }
  throw new MalformedBatch('bad-varint', `a varint of more than 5 bytes at byte ${position.at}`)
}

/** The 64-bit number at `position`, exact. Throws {@link MalformedBatch} (`truncated`, `bad-varint`). */
export const readVarlong = (buf: Uint8Array, position: ReadPosition, end: number): Timestamp => {
  let at = position.at
  let zigzag = 0
  let factor = 1
  // Seven bytes are 49 bits, exact in a double: all of real life.
  for (let i = 0; i < 7; i++) {
    if (at >= end) throw new MalformedBatch('truncated', `a varlong runs past byte ${end}`)
    const byte = buf[at++]!
    zigzag += (byte & 127) * factor
    if (byte < 128) {
      position.at = at
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    }
    factor *= 128
  }
  return readLongVarlong(buf, position, end)
}

const readLongVarlong = (buf: Uint8Array, position: ReadPosition, end: number): Timestamp => {
  let at = position.at
  let zigzag = 0n
  for (let shift = 0n; shift <= 63n; shift += 7n) {
    if (at >= end) throw new MalformedBatch('truncated', `a varlong runs past byte ${end}`)
    const byte = buf[at++]!
    zigzag |= BigInt(byte & 127) << shift
    if (byte < 128) {
      position.at = at
      zigzag = BigInt.asUintN(64, zigzag)
      const value = BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n))
      const rounded = Number(value)
      return Number.isSafeInteger(rounded) ? rounded : value
    }
  }
  throw new MalformedBatch('bad-varint', `a varlong of more than 10 bytes at byte ${position.at}`)
}

/** Bytes of an unsigned 32-bit number (zigzag already applied). */
export const sizeOfUnsigned = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5

/** Bytes that {@link writeVarint} takes for `value`. */
export const sizeOfVarint = (value: number): number =>
  sizeOfUnsigned(((value << 1) ^ (value >> 31)) >>> 0)

/** Writes a 32-bit number and returns the position after it. */
export const writeVarint = (buf: Uint8Array, at: number, value: number): number => {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  while (zigzag > 127) {
    buf[at++] = (zigzag & 127) | 128
    zigzag >>>= 7
  }
  buf[at++] = zigzag
  return at
}

// Zigzag doubles the number, so that half of the exact range is left.
const MOST_EXACT = 2 ** 52

/** Bytes that {@link writeVarlong} takes for `value`. */
export const sizeOfVarlong = (value: Timestamp): number => {
  let bytes = 1
  if (typeof value === 'number' && value < MOST_EXACT && value >= -MOST_EXACT) {
    let rest = value < 0 ? -2 * value - 1 : 2 * value
    for (; rest >= 128; bytes++) rest = Math.floor(rest / 128)
    return bytes
  }
  let rest = zigzag64(BigInt(value))
  for (; rest >= 128n; bytes++) rest >>= 7n
  return bytes
}

const zigzag64 = (value: bigint): bigint => BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))

/** Writes a 64-bit number and returns the position after it. */
export const writeVarlong = (buf: Uint8Array, at: number, value: Timestamp): number => {
  if (typeof value === 'number' && value < MOST_EXACT && value >= -MOST_EXACT) {
    let rest = value < 0 ? -2 * value - 1 : 2 * value
    while (rest >= 128) {
      buf[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    buf[at++] = rest
    return at
  }
  let rest = zigzag64(BigInt(value))
  while (rest >= 128n) {
    buf[at++] = Number(rest & 127n) | 128
    rest >>= 7n
  }
  buf[at++] = Number(rest)
  return at
}
