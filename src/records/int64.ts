import { OffsetTooLarge } from './errors.ts'

/**
 * Milliseconds since 1970, or -1 for none: a number wherever that is exact, a bigint beyond 2^53. Producers do write
 * nanoseconds by mistake (1.7e18), old brokers accept any long, and a mirror has to keep what it reads.
 */
export type Timestamp = number | bigint

const TWO_32 = 4294967296

/** The signed 32-bit number at `at`. Without `Buffer#readInt32BE`'s checks: the caller has checked the range. */
export const readInt32 = (buf: Uint8Array, at: number): number =>
  (buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!

/** Writes a signed 32-bit number. The caller has checked the range. */
export const writeInt32 = (buf: Uint8Array, at: number, value: number): void => {
  buf[at] = value >>> 24
  buf[at + 1] = value >>> 16
  buf[at + 2] = value >>> 8
  buf[at + 3] = value
}

/** The signed 64-bit number at `at` as a double: exact up to 2^53, rounded beyond, so compare with a limit first. */
export const readInt64Rounded = (buf: Uint8Array, at: number): number =>
  readInt32(buf, at) * TWO_32 + (readInt32(buf, at + 4) >>> 0)

/** The offset at `at`. Throws {@link OffsetTooLarge} if negative or above 2^53 - 1. */
export const readOffset = (buf: Buffer, at: number): number => {
  const high = readInt32(buf, at)
  // 2^21 high words are 2^53.
  if (high < 0 || high >= 0x200000) throw new OffsetTooLarge(buf.readBigInt64BE(at))
  return high * TWO_32 + (readInt32(buf, at + 4) >>> 0)
}

/** The timestamp at `at`, exact. */
export const readTimestamp = (buf: Buffer, at: number): Timestamp => {
  const rounded = readInt64Rounded(buf, at)
  return Number.isSafeInteger(rounded) ? rounded : buf.readBigInt64BE(at)
}

/** Writes a timestamp. Throws RangeError if it does not fit 64 bits. */
export const writeTimestamp = (buf: Buffer, at: number, value: Timestamp): void => {
  if (typeof value === 'bigint') {
    buf.writeBigInt64BE(value, at)
    return
  }
  writeInt32(buf, at, Math.floor(value / TWO_32))
  writeInt32(buf, at + 4, value >>> 0)
}

const normal = (value: bigint): Timestamp =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value

/** `base + delta` as the brokers compute it: exact, wrapping at 64 bits. */
export const addTimestamps = (base: Timestamp, delta: Timestamp): Timestamp => {
  if (typeof base === 'number' && typeof delta === 'number') {
    const sum = base + delta
    if (Number.isSafeInteger(sum)) return sum
  }
  return normal(BigInt.asIntN(64, BigInt(base) + BigInt(delta)))
}

/** `timestamp - base`, exact, wrapping at 64 bits: what {@link addTimestamps} turns back into `timestamp`. */
export const subtractTimestamps = (timestamp: Timestamp, base: Timestamp): Timestamp => {
  if (typeof timestamp === 'number' && typeof base === 'number') {
    const difference = timestamp - base
    if (Number.isSafeInteger(difference)) return difference
  }
  return normal(BigInt.asIntN(64, BigInt(timestamp) - BigInt(base)))
}
