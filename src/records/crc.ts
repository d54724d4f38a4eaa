import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78), which covers a v2 batch from its attributes to its end.
 *
 * A call into native code costs about 200 ns before the first byte (measured, Node 20) and then runs at 5 GB/s; plain
 * JavaScript runs at 1 GB/s without that cost. Topics of one-record batches are all short inputs, so they stay in JavaScript.
 */
const NATIVE_FROM_BYTES = 256

/** Eight tables of 256: table n gives a byte's share n bytes later (Intel's "slicing by 8"). */
const SLICES = ((): Int32Array => {
  const tables = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    tables[byte] = crc
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = tables[(slice - 1) * 256 + byte]!
      tables[slice * 256 + byte] = (before >>> 8) ^ tables[before & 255]!
    }
  }
  return tables
})()

/** CRC32C of the bytes `from` to `to` (exclusive) as a signed 32-bit number, the way the header holds it. */
export const crc32c = (buf: Uint8Array, from: number, to: number): number => {
  if (to - from >= NATIVE_FROM_BYTES) return nativeCrc32c(buf.subarray(from, to)) | 0
  let crc = -1
  let at = from
  for (const last = to - 8; at <= last; at += 8) {
    crc ^= buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24)
    crc =
      SLICES[1792 + (crc & 255)]! ^
      SLICES[1536 + ((crc >>> 8) & 255)]! ^
      SLICES[1280 + ((crc >>> 16) & 255)]! ^
      SLICES[1024 + (crc >>> 24)]! ^
      SLICES[768 + buf[at + 4]!]! ^
      SLICES[512 + buf[at + 5]!]! ^
      SLICES[256 + buf[at + 6]!]! ^
      SLICES[buf[at + 7]!]!
  }
  while (at < to) crc = SLICES[(crc ^ buf[at++]!) & 255]! ^ (crc >>> 8)
  return ~crc
}

/**
 * Adds one byte of difference (old xor new) to `difference`, which starts as 0: the CRC register without its initial and
 * final inversion, because those cancel out between two messages of the same length.
 */
export const addDifference = (difference: number, byte: number): number =>
  SLICES[(difference ^ byte) & 255]! ^ (difference >>> 8)

/**
 * Operator n moves a register over 2^n zero bytes: four tables of 256, one for each byte of the register. 31 of them, 127 KB,
 * made at the first use in about 1 ms.
 */
let zeroOperators: readonly Int32Array[] | undefined

const makeZeroOperators = (): readonly Int32Array[] => {
  const operators: Int32Array[] = []
  for (let power = 0; power < 31; power++) {
    const half = operators[power - 1]
    const operator = new Int32Array(4 * 256)
    for (let i = 0; i < 1024; i++) {
      const register = (i & 255) << (8 * (i >>> 8))
      operator[i] =
        half === undefined
          ? addDifference(register, 0)
          : applyOperator(half, applyOperator(half, register))
    }
    operators.push(operator)
  }
  return operators
}

const applyOperator = (operator: Int32Array, register: number): number =>
  operator[register & 255]! ^
  operator[256 + ((register >>> 8) & 255)]! ^
  operator[512 + ((register >>> 16) & 255)]! ^
  operator[768 + (register >>> 24)]!

/**
 * What to xor into a CRC whose message changed by `difference` ({@link addDifference}) followed by `tail` unchanged bytes.
 * CRCs are linear: crc(new) = crc(old) xor register(old xor new). Takes about 50 ns at any length.
 */
export const moveDifference = (difference: number, tail: number): number => {
  zeroOperators ??= makeZeroOperators()
  let register = difference
  for (let power = 0, rest = tail; rest > 0; power++, rest >>>= 1) {
    if (rest & 1) register = applyOperator(zeroOperators[power]!, register)
  }
  return register
}
