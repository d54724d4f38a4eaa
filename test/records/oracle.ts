import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { NewRecord } from '../../src/records/index.ts'

/**
 * A second, deliberately naive reader of v2 batches: bigints everywhere, a bit at a time, nothing from the code under test.
 */
export interface OracleRecord {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly attributes: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

export interface OracleBatch {
  readonly baseOffset: bigint
  readonly leaderEpoch: number
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
  readonly records: readonly OracleRecord[]
}

/** CRC32C one bit at a time, as a signed number. */
export const slowCrc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const out = (crc ^ (byte >> bit)) & 1
      crc >>>= 1
      if (out) crc = (crc ^ 0x82f63b78) >>> 0
    }
  }
  return ~crc
}

class Bytes {
  rest: Buffer
  constructor(bytes: Buffer) {
    this.rest = bytes
  }
  take(count: number): Buffer {
    if (count > this.rest.length) throw new Error('oracle: out of bytes')
    const taken = this.rest.subarray(0, count)
    this.rest = this.rest.subarray(count)
    return taken
  }
  varint(): bigint {
    const bits: string[] = []
    for (;;) {
      const byte = this.take(1)[0]!.toString(2).padStart(8, '0')
      bits.unshift(byte.slice(1))
      if (byte[0] === '0') break
    }
    const unsigned = BigInt.asUintN(64, BigInt(`0b${bits.join('')}`))
    return unsigned % 2n === 0n ? unsigned / 2n : -((unsigned + 1n) / 2n)
  }
  hex(): string | null {
    const length = Number(this.varint())
    return length < 0 ? null : this.take(length).toString('hex')
  }
}

/** Reads one batch; checks its CRC bit by bit. `inflate` decompresses the records (default: gzip if the codec bit says so). */
export const oracleRead = (batch: Buffer, inflate?: (bytes: Buffer) => Buffer): OracleBatch => {
  const length = batch.readInt32BE(8) + 12
  if (length !== batch.length) throw new Error(`oracle: ${length} != ${batch.length}`)
  if (batch[16] !== 2) throw new Error('oracle: magic')
  if (slowCrc32c(batch.subarray(21)) !== batch.readInt32BE(17)) throw new Error('oracle: crc')
  const attributes = batch.readInt16BE(21)
  const baseOffset = batch.readBigInt64BE(0)
  const baseTimestamp = batch.readBigInt64BE(27)
  let payload = batch.subarray(61)
  if (inflate !== undefined) payload = inflate(payload)
  else if (attributes & 7) payload = gunzipSync(payload)
  const bytes = new Bytes(payload)
  const records: OracleRecord[] = []
  for (let left = batch.readInt32BE(57); left > 0; left--) {
    const record = new Bytes(bytes.take(Number(bytes.varint())))
    const recordAttributes = record.take(1)[0]!
    const timestamp = BigInt.asIntN(64, baseTimestamp + record.varint())
    const offset = baseOffset + record.varint()
    const key = record.hex()
    const value = record.hex()
    const headers = Array.from(
      { length: Number(record.varint()) },
      () => [record.hex()!, record.hex()] as const,
    )
    if (record.rest.length > 0) throw new Error('oracle: bytes after a record')
    records.push({ offset, timestamp, attributes: recordAttributes, key, value, headers })
  }
  if (bytes.rest.length > 0) throw new Error('oracle: bytes after the records')
  return {
    baseOffset,
    leaderEpoch: batch.readInt32BE(12),
    attributes,
    lastOffsetDelta: batch.readInt32BE(23),
    baseTimestamp,
    maxTimestamp: batch.readBigInt64BE(35),
    producerId: batch.readBigInt64BE(43),
    epoch: batch.readInt16BE(51),
    sequence: batch.readInt32BE(53),
    records,
  }
}

/** What the oracle should read of records that were written. */
export const expected = (records: readonly NewRecord[], base = 0n): OracleRecord[] =>
  records.map((record, i) => ({
    offset: base + BigInt(record.offsetDelta ?? i),
    timestamp: BigInt(record.timestamp),
    attributes: 0,
    key: record.key?.toString('hex') ?? null,
    value: record.value?.toString('hex') ?? null,
    headers: (record.headers ?? []).map(
      ({ key, value }) => [key.toString('hex'), value?.toString('hex') ?? null] as const,
    ),
  }))

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))

const nullable = (maxLength: number): fc.Arbitrary<Buffer | null> =>
  fc.option(bytes(maxLength), { freq: 5 })

/** Timestamps as they occur: none, now, within a second, long ago, microseconds; all exact as a number and mergeable. */
export const usualTimestamp: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(-1, 0, 1_700_000_000_000, 1_700_000_000_000_000, 2 ** 51, -(2 ** 50)),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 }),
  fc.integer({ min: 1_400_000_000_000, max: 1_800_000_000_000 }),
  // Around the borders of the varints: +-2^6, 2^13 ... above one base.
  fc
    .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
    .map(([power, near, negative]) => (negative ? -1 : 1) * 2 ** power + near),
)

/** Any 64-bit timestamp. */
export const anyTimestamp: fc.Arbitrary<number | bigint> = fc.oneof(
  usualTimestamp,
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
  fc.constantFrom(1_700_000_000_000_000_000n, 2n ** 63n - 1n, -(2n ** 63n)),
)

/** A record with nulls, empties, repeated header keys, and now and then a value beyond every copy threshold. */
export const newRecord = (
  timestamp: fc.Arbitrary<number | bigint> = usualTimestamp,
): fc.Arbitrary<NewRecord> =>
  fc.record({
    timestamp,
    key: nullable(20),
    value: fc.oneof(
      nullable(200),
      fc.constantFrom(250, 320, 321, 700, 9000).map((n) => Buffer.alloc(n, n & 255)),
    ),
    headers: fc.array(
      fc.record({ key: fc.oneof(fc.constant(Buffer.from('same')), bytes(4)), value: nullable(5) }),
      { maxLength: 4 },
    ),
  })

/** One to twelve records. */
export const newRecords = (timestamp?: fc.Arbitrary<number | bigint>): fc.Arbitrary<NewRecord[]> =>
  fc.array(newRecord(timestamp), { minLength: 1, maxLength: 12 })
