import { describe, expect, it } from 'vitest'
import { encodeFiller, MAX_FILLER_RECORDS } from '../../src/records/index.ts'
import { oracleRead } from './oracle.ts'

const STAMP = { producerId: 77n, epoch: 2, baseSequence: 300 }

describe('encodeFiller', () => {
  it.each([1, 2, 64, 65, 8193, MAX_FILLER_RECORDS])('%i empty records', (count) => {
    const batch = encodeFiller(count, STAMP)
    const { records, ...header } = oracleRead(batch)
    expect(header).toStrictEqual({
      baseOffset: 0n,
      leaderEpoch: -1,
      attributes: 1,
      lastOffsetDelta: count - 1,
      baseTimestamp: -1n,
      maxTimestamp: -1n,
      producerId: 77n,
      epoch: 2,
      sequence: 300,
    })
    expect(records.length).toBe(count)
    const empty = { timestamp: -1n, attributes: 0, key: null, value: null, headers: [] }
    expect(records[0]).toStrictEqual({ offset: 0n, ...empty })
    expect(records.at(-1)).toStrictEqual({ offset: BigInt(count - 1), ...empty })
    if (count === MAX_FILLER_RECORDS) expect(batch.length / count).toBeLessThan(2)
  })

  it('gives each call its own bytes, whatever was cached before', () => {
    const first = encodeFiller(10, STAMP)
    for (let count = 1; count < 30; count++) encodeFiller(count, STAMP)
    const second = encodeFiller(10, { ...STAMP, baseSequence: 310 })
    const third = encodeFiller(10, { ...STAMP, baseSequence: 320 })
    expect([first, second, third].map((b) => oracleRead(b).sequence)).toStrictEqual([300, 310, 320])
  })

  it.each([0, -1, 1.5, MAX_FILLER_RECORDS + 1, Number.NaN])('refuses %s', (count) => {
    expect(() => encodeFiller(count, STAMP)).toThrow(RangeError)
  })
})
