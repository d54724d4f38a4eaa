import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as records from '../../src/records/index.ts'
import { newRecords, oracleRead, slowCrc32c } from './oracle.ts'

const one = (baseOffset = 0): Buffer =>
  records.encodeBatch({ baseOffset, records: [{ timestamp: 5, key: null, value: null }] })

describe('header fields', () => {
  it('are those that another reader sees, at any place in a buffer', () => {
    fc.assert(
      fc.property(
        newRecords(),
        fc.record({
          baseOffset: fc.maxSafeNat(),
          partitionLeaderEpoch: fc.integer(),
          producerId: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
          epoch: fc.integer({ min: -1, max: 32767 }),
          baseSequence: fc.integer({ min: -1 }),
          attributes: fc.nat(0xffff),
        }),
        fc.nat(20),
        (list, parts, before) => {
          const batch = records.encodeBatch({ ...parts, records: list })
          const seen = oracleRead(batch)
          const buf = Buffer.concat([Buffer.alloc(before, 0xee), batch, Buffer.alloc(3, 0xee)])
          expect({
            length: records.batchBytes(buf, before),
            base: BigInt(records.baseOffset(buf, before)),
            leaderEpoch: records.partitionLeaderEpoch(buf, before),
            crc: records.storedCrc(buf, before),
            attributes: (records.attributes(buf, before) << 16) >> 16,
            lastDelta: records.lastOffsetDelta(buf, before),
            baseTimestamp: BigInt(records.baseTimestamp(buf, before)),
            maxTimestamp: BigInt(records.maxTimestamp(buf, before)),
            id: records.producerId(buf, before),
            epoch: records.producerEpoch(buf, before),
            sequence: records.baseSequence(buf, before),
            count: records.recordCount(buf, before),
            codec: records.codec(buf, before),
            matches: records.crcMatches(buf, before, batch.length),
          }).toStrictEqual({
            length: batch.length,
            base: seen.baseOffset,
            leaderEpoch: seen.leaderEpoch,
            crc: slowCrc32c(batch.subarray(21)),
            attributes: seen.attributes,
            lastDelta: seen.lastOffsetDelta,
            baseTimestamp: seen.baseTimestamp,
            maxTimestamp: seen.maxTimestamp,
            id: seen.producerId,
            epoch: seen.epoch,
            sequence: seen.sequence,
            count: seen.records.length,
            codec: 'none',
            matches: true,
          })
        },
      ),
    )
  })

  it('offsets outside of 0 to 2^53 - 1 are refused, never rounded', () => {
    const batch = one()
    for (const offset of [-1n, 2n ** 53n, 2n ** 63n - 1n]) {
      batch.writeBigInt64BE(offset, 0)
      expect(() => records.baseOffset(batch, 0)).toThrow(records.OffsetTooLarge)
      expect(() => records.lastOffset(batch, 0)).toThrow(RangeError)
    }
    batch.writeBigInt64BE(2n ** 53n - 1n, 0)
    expect(records.baseOffset(batch, 0)).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('a producer is recognised', () => {
    const batch = records.encodeBatch({ producerId: 5_000_000_000n, records: [] })
    expect(records.isOfProducer(batch, 0, 5_000_000_000)).toBe(true)
    expect(records.isOfProducer(batch, 0, 5_000_000_001)).toBe(false)
  })
})

describe('crc32c', () => {
  it('is that of a bitwise computation, at any length and place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(20), (bytes, from) => {
        const start = Math.min(from, bytes.length)
        expect(records.crc32c(bytes, start, bytes.length)).toBe(slowCrc32c(bytes.subarray(start)))
      }),
    )
  })

  it('finds any changed bit that it covers', () => {
    const batch = one()
    for (let bit = 17 * 8; bit < batch.length * 8; bit++) {
      const changed = Buffer.from(batch)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(records.crcMatches(changed, 0, changed.length)).toBe(false)
    }
  })
})

describe('nextBatch', () => {
  const kinds = (set: Buffer, range = {}): string[] => {
    const seen: string[] = []
    records.forEachBatch(
      set,
      (item, cursor) => seen.push(`${item} ${cursor.magic} ${cursor.at}+${cursor.length}`),
      range,
    )
    return seen
  }
  const size = one().length
  /** A v0 or v1 message with null key and value. */
  const old = (format: number): Buffer => {
    const message = Buffer.alloc(12 + (format === 0 ? 14 : 22))
    message.writeInt32BE(message.length - 12, 8)
    message[16] = format
    return message
  }

  it('finds whole batches, old formats and unknown ones', () => {
    const future = one()
    future[16] = 3
    expect(kinds(Buffer.concat([one(), old(0), old(1), future, one(1)]))).toStrictEqual([
      `batch 2 0+${size}`,
      `old-format 0 ${size}+26`,
      `old-format 1 ${size + 26}+34`,
      `unknown-magic 3 ${size + 60}+${size}`,
      `batch 2 ${2 * size + 60}+${size}`,
    ])
    expect(kinds(Buffer.alloc(0))).toStrictEqual([])
  })

  it('calls every cut-off end partial, and says what it needs where it can', () => {
    const set = Buffer.concat([one(), one(1)])
    for (let end = size + 1; end < set.length; end++) {
      const [first, second, ...more] = kinds(set, { end })
      expect(first).toBe(`batch 2 0+${size}`)
      const left = end - size
      expect(second).toBe(`partial ${left > 16 ? 2 : -1} ${size}+${left < 12 ? 0 : size}`)
      expect(more).toStrictEqual([])
    }
    const cursor = records.recordSet(set, 0, size + 1)
    records.nextBatch(cursor)
    expect(records.nextBatch(cursor)).toBe('partial')
    expect(records.nextBatch(cursor)).toBe('partial')
  })

  it('stops at a length that nothing can have', () => {
    for (const length of [-1, 0, 13, -(2 ** 31)]) {
      const set = Buffer.concat([one(), one(1)])
      set.writeInt32BE(length, size + 8)
      expect(kinds(set)[1]).toBe(`bad-length -1 ${size}+0`)
    }
    const short = one()
    short.writeInt32BE(48, 8)
    expect(kinds(short)).toStrictEqual(['bad-length 2 0+60'])
  })

  it('ends on any bytes, and stays inside of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const set = Buffer.from(bytes)
        const end = records.forEachBatch(set, (item, cursor) => {
          if (item !== 'partial' && item !== 'bad-length') {
            expect(cursor.at + cursor.length).toBeLessThanOrEqual(set.length)
          }
        })
        expect(end).toBeLessThanOrEqual(set.length)
      }),
    )
  })
})
