import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crcMatches, encodeBatch, sequenceAfter, stampHeader } from '../../src/records/index.ts'
import { newRecords, oracleRead } from './oracle.ts'

const stamp = fc.record({
  producerId: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
  epoch: fc.integer({ min: -1, max: 32767 }),
  baseSequence: fc.integer({ min: -1 }),
})

describe('stampHeader', () => {
  it('changes what it should and nothing else, and its CRC is that of a scan', () => {
    fc.assert(
      fc.property(
        newRecords(),
        fc.maxSafeNat(),
        stamp,
        stamp,
        fc.nat(9),
        (list, base, old, ours, before) => {
          const batch = encodeBatch({
            ...old,
            baseOffset: base,
            partitionLeaderEpoch: 7,
            records: list,
          })
          const was = oracleRead(batch)
          const placed = Buffer.concat([Buffer.alloc(before, 1), batch, Buffer.alloc(2, 1)])
          stampHeader(placed, before, ours)
          const now = oracleRead(placed.subarray(before, before + batch.length))
          expect(now).toStrictEqual({
            ...was,
            baseOffset: 0n,
            leaderEpoch: -1,
            producerId: ours.producerId,
            epoch: ours.epoch,
            sequence: ours.baseSequence,
            records: was.records.map((r) => ({ ...r, offset: r.offset - BigInt(base) })),
          })
          expect(placed.subarray(0, before)).toStrictEqual(Buffer.alloc(before, 1))
          expect(placed.subarray(before + batch.length)).toStrictEqual(Buffer.alloc(2, 1))
        },
      ),
    )
  })

  it.each([61, 200, 65_537, 1_048_576, 20_000_003])('combines over %i bytes', (size) => {
    const value = Buffer.alloc(size, 'ferry')
    const batch = encodeBatch({ records: [{ timestamp: 1, key: null, value }] })
    stampHeader(batch, 0, { producerId: 2n ** 40n + 1n, epoch: 3, baseSequence: 0x7fffffff })
    expect(crcMatches(batch, 0, batch.length)).toBe(true)
  })

  it('does not sign damage that happened since the check', () => {
    const batch = encodeBatch({ records: [{ timestamp: 1, key: null, value: Buffer.from('abc') }] })
    batch[batch.length - 2]! ^= 4
    stampHeader(batch, 0, { producerId: 1n, epoch: 0, baseSequence: 0 })
    expect(crcMatches(batch, 0, batch.length)).toBe(false)
  })
})

it('a sequence wraps to 0 after 2^31 - 1', () => {
  expect(sequenceAfter(5, 3)).toBe(8)
  expect(sequenceAfter(0x7fffffff, 1)).toBe(0)
  expect(sequenceAfter(0x7ffffffe, 3)).toBe(1)
})
