import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  CODECS,
  codecsReady,
  decompress,
  encodeBatch,
  forEachRecord,
  MalformedBatch,
  Merger,
  maxTimestamp,
  mergeCompressed,
  type NewRecord,
} from '../../src/records/index.ts'
import { expected, newRecords, oracleRead } from './oracle.ts'

beforeAll(codecsReady)

const STAMP = { producerId: 2n ** 33n + 7n, epoch: 5, baseSequence: 0x7ffffff0 }
const mergedHeader = (records: readonly NewRecord[]) => {
  const times = records.map((r) => BigInt(r.timestamp))
  return {
    baseOffset: 0n,
    leaderEpoch: -1,
    lastOffsetDelta: records.length - 1,
    maxTimestamp: [...times, -1n].sort((a, b) => (a < b ? 1 : -1))[0],
    producerId: STAMP.producerId,
    epoch: STAMP.epoch,
    sequence: STAMP.baseSequence,
    records: expected(records),
  }
}

describe('Merger', () => {
  it('makes the concatenation of its batches', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(newRecords(), fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.nat(7),
        fc.boolean(),
        (lists, gap, oneBuffer) => {
          const batches = lists.map(([records, otherBase], i) =>
            encodeBatch({
              records,
              baseOffset: 1000 + i,
              // A base that is not the first record's: allowed, and what a cleaner leaves behind.
              ...(otherBase ? { baseTimestamp: 1_650_000_000_000 } : {}),
            }),
          )
          const set = Buffer.concat(batches)
          const memory = Buffer.alloc(set.length + 12 * 144 + gap, 0xaa)
          const merger = new Merger()
          merger.start(memory.subarray(gap))
          let at = 0
          for (const batch of batches) {
            expect(oneBuffer ? merger.add(set, at) : merger.add(batch, 0)).toBe('added')
            at += batch.length
          }
          const all = lists.flatMap(([records]) => records)
          expect([merger.batches, merger.records]).toStrictEqual([batches.length, all.length])
          const merged = merger.finish(STAMP)
          expect(merged.length).toBe(merger.bytes)
          expect(oracleRead(merged)).toStrictEqual({
            ...mergedHeader(all),
            attributes: 0,
            baseTimestamp: oracleRead(batches[0]!).baseTimestamp,
          })
          expect(memory.subarray(0, gap)).toStrictEqual(Buffer.alloc(gap, 0xaa))
        },
      ),
    )
  })

  it('renumbers across the borders of the varints (64, 8192, 2^20)', () => {
    const tiny = { timestamp: -1, key: null, value: null }
    const batch = encodeBatch({ records: Array.from({ length: 2100 }, () => tiny) })
    const merger = new Merger()
    merger.start(Buffer.alloc(14_000_000))
    for (let i = 0; i < 500; i++) expect(merger.add(batch, 0)).toBe('added')
    const merged = merger.finish(STAMP)
    // Not the oracle, which takes ten seconds: the reader, which shares no code with the merger.
    let next = 0
    forEachRecord(merged, 0, ({ offset, timestamp }) => {
      if (offset !== next++ || timestamp !== -1) throw new Error(`${offset} after ${next}`)
    })
    expect(next).toBe(1_050_000)
    expect(maxTimestamp(merged, 0)).toBe(-1)
  })

  it('never writes past its limit, and fills it to the last batch that surely fits', () => {
    const worst = [
      encodeBatch({ records: [{ timestamp: -1, key: null, value: Buffer.alloc(50) }] }),
      // Length at a border of its varint, a delta of 1 byte that becomes 8.
      encodeBatch({ records: [{ timestamp: 2 ** 51, key: null, value: Buffer.alloc(56) }] }),
      encodeBatch({ records: [{ timestamp: -(2 ** 51), key: null, value: Buffer.alloc(57) }] }),
    ]
    const need = worst.reduce((sum, batch) => sum + batch.length - 61 + 12, 61)
    for (let size = 0; size <= need; size++) {
      const memory = Buffer.alloc(need + 40, 0xbb)
      const merger = new Merger()
      merger.start(memory, size)
      const answers = worst.map((batch) => merger.add(batch, 0))
      expect(merger.bytes).toBeLessThanOrEqual(Math.max(size, 61))
      expect(memory.subarray(size)).toStrictEqual(Buffer.alloc(need + 40 - size, 0xbb))
      if (size === need) expect(answers).toStrictEqual(['added', 'added', 'added'])
    }
  })

  it('says full when there is no room, alone when there never is', () => {
    const batch = encodeBatch({ records: [{ timestamp: 1, key: null, value: Buffer.alloc(100) }] })
    const merger = new Merger()
    merger.start(Buffer.alloc(280))
    expect(merger.add(batch, 0)).toBe('added')
    expect(merger.add(batch, 0)).toBe('full')
    merger.start(Buffer.alloc(100))
    expect(merger.add(batch, 0)).toBe('alone')
    expect(() => merger.finish(STAMP)).toThrow(RangeError)
  })

  const record = { timestamp: 5, key: null, value: Buffer.from('x') }
  const list = [record, record]
  const alone: readonly (readonly [string, Buffer])[] = [
    ['compressed', encodeBatch({ records: list, codec: 'gzip' })],
    ['transactional', encodeBatch({ records: list, attributes: 0x10 })],
    ['append time', encodeBatch({ records: list, attributes: 0x08 })],
    ['delete horizon', encodeBatch({ records: list, attributes: 0x40 })],
    ['bit 15', encodeBatch({ records: list, attributes: 0x8000 })],
    ['holes', encodeBatch({ records: list, lastOffsetDelta: 2 })],
    ['empty', encodeBatch({ records: [] })],
    [
      'nanoseconds',
      encodeBatch({ records: [{ ...record, timestamp: 1_700_000_000_000_000_001n }] }),
    ],
    ['a base below', encodeBatch({ records: list, baseTimestamp: -(2 ** 51) - 1 })],
    ['a far delta', encodeBatch({ records: [record, { ...record, timestamp: 2 ** 53 }] })],
    [
      'a far delta back',
      encodeBatch({ records: [record, { ...record, timestamp: -(2n ** 63n) }] }),
    ],
  ]
  it.each(alone)('leaves alone: %s', (_, batch) => {
    const merger = new Merger()
    merger.start(Buffer.alloc(1000))
    const good = encodeBatch({ records: list })
    expect(merger.add(good, 0)).toBe('added')
    expect(merger.add(batch, 0)).toBe('alone')
    expect(merger.add(good, 0)).toBe('added')
    expect(oracleRead(merger.finish(STAMP))).toMatchObject(mergedHeader([...list, ...list]))
  })

  it('timestamps up to 2^51 are exact, whatever is first', () => {
    const edges = [2 ** 51 - 1, -(2 ** 51), -(2 ** 51) + 1, 2 ** 51 - 2, -1, 0]
    for (const first of edges) {
      for (const second of edges) {
        const records = [first, second].map((timestamp) => ({ ...record, timestamp }))
        const merger = new Merger()
        merger.start(Buffer.alloc(1000))
        for (const r of records) expect(merger.add(encodeBatch({ records: [r] }), 0)).toBe('added')
        expect(oracleRead(merger.finish(STAMP))).toMatchObject(mergedHeader(records))
      }
    }
  })

  it('a distance that a double cannot hold after zigzag is left alone', () => {
    const merger = new Merger()
    merger.start(Buffer.alloc(1000))
    const far = [-(2 ** 51), 2 ** 51].map((timestamp) =>
      encodeBatch({ records: [{ ...record, timestamp }] }),
    )
    expect(far.map((batch) => merger.add(batch, 0))).toStrictEqual(['added', 'alone'])
    // A delta of -(2^52) - 1: its zigzag rounds to that of +2^52, which ends exactly at the merged base.
    const distant = [{ ...record, timestamp: -3 * 2 ** 51 - 1 }]
    merger.start(Buffer.alloc(1000))
    expect(merger.add(far[1]!, 0)).toBe('added')
    const batch = encodeBatch({ records: distant, baseTimestamp: -(2 ** 51) })
    expect(merger.add(batch, 0)).toBe('alone')
  })

  it('refuses malformed records and keeps what it has', () => {
    fc.assert(
      fc.property(
        newRecords(),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.option(fc.nat()),
        (records, changes, cut) => {
          const good = encodeBatch({ records: list })
          let bad = encodeBatch({ records })
          for (const [at, byte] of changes) bad[57 + (at % (bad.length - 57))] = byte
          if (cut !== null) bad = Buffer.from(bad.subarray(0, 61 + (cut % (bad.length - 61))))
          const memory = Buffer.alloc(152_000, 0xcc)
          const merger = new Merger()
          merger.start(memory, 150_000)
          merger.add(good, 0)
          let answer = 'malformed'
          try {
            answer = merger.add(bad, 0)
          } catch (error) {
            if (!(error instanceof MalformedBatch)) throw error
          }
          expect(memory.subarray(150_000).every((byte) => byte === 0xcc)).toBe(true)
          if (answer === 'added') return
          expect(oracleRead(merger.finish(STAMP))).toMatchObject(mergedHeader(list))
        },
      ),
      { numRuns: 500 },
    )
  })

  const raw = (count: number, ...payload: number[]): Buffer => {
    const batch = encodeBatch({ records: [], lastOffsetDelta: count - 1 })
    batch.writeInt32BE(count, 57)
    batch.writeInt32BE(49 + payload.length, 8)
    return Buffer.concat([batch, Buffer.from(payload), Buffer.alloc(40, 0)])
  }
  const malformed: readonly (readonly [string, Buffer, string])[] = [
    ['a record past the end', raw(1, 14, 0, 0, 0, 1, 1, 0), 'record-length'],
    ['a negative length', raw(1, 13, 0, 0, 0, 1, 1, 0), 'record-length'],
    ['an endless length', raw(1, 140, 128, 128, 128, 128, 0, 0), 'bad-varint'],
    ['an endless timestamp', raw(1, 24, 0, ...Array(10).fill(128), 0), 'bad-varint'],
    ['an endless offset', raw(1, 18, 0, 0, 128, 128, 128, 128, 128, 0, 0), 'bad-varint'],
    ['deltas that eat the content', raw(1, 12, 0, 0, 128, 1, 1, 0), 'record-length'],
    ['more records than bytes', raw(2, 12, 0, 0, 0, 1, 1, 0), 'record-length'],
    ['fewer', raw(1, 12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 2, 1, 1, 0), 'record-count'],
    ['cut off', raw(1, 12, 0, 0, 0, 1, 1, 0).subarray(0, 65), 'truncated'],
  ]
  it.each(malformed)('malformed: %s', (_, batch, reason) => {
    const merger = new Merger()
    merger.start(Buffer.alloc(1000))
    expect(() => merger.add(batch, 0)).toThrow(expect.objectContaining({ reason }))
  })
})

describe('mergeCompressed', () => {
  it('makes one compressed batch of the concatenation', () => {
    fc.assert(
      fc.property(
        fc.array(newRecords(), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...CODECS),
        (lists, codec) => {
          const places = lists.map((records) => ({ buf: encodeBatch({ records, codec }), at: 0 }))
          const merged = mergeCompressed(places, STAMP, { maxBytes: 1 << 20 })
          const read = oracleRead(merged!, (bytes) => decompress(codec, bytes))
          expect(read).toMatchObject(mergedHeader(lists.flat()))
          expect(read.attributes).toBe(CODECS.indexOf(codec))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('gives up rather than mix codecs, pass a limit, or touch special batches', () => {
    const records = [{ timestamp: 5, key: null, value: Buffer.from('x') }]
    const place = (parts: object) => ({ buf: encodeBatch({ records, ...parts }), at: 0 })
    const gzip = place({ codec: 'gzip' })
    const limits = { maxBytes: 1000 }
    expect(mergeCompressed([], STAMP, limits)).toBeNull()
    expect(mergeCompressed([gzip, place({ codec: 'lz4' })], STAMP, limits)).toBeNull()
    const transactional = place({ codec: 'gzip', attributes: 0x10 })
    expect(mergeCompressed([transactional, transactional], STAMP, limits)).toBeNull()
    const holes = place({ codec: 'gzip', lastOffsetDelta: 4 })
    expect(mergeCompressed([gzip, holes], STAMP, limits)).toBeNull()
    const merged = mergeCompressed([gzip, gzip], STAMP, limits)!
    expect(mergeCompressed([gzip, gzip], STAMP, { maxBytes: merged.length })).toStrictEqual(merged)
    expect(mergeCompressed([gzip, gzip], STAMP, { maxBytes: merged.length - 1 })).toBeNull()
    const bomb = place({ codec: 'gzip', records: [{ ...records[0], value: Buffer.alloc(5000) }] })
    expect(() => mergeCompressed([bomb], STAMP, { maxBytes: 999, maxDecompressed: 4000 })).toThrow(
      MalformedBatch,
    )
  })
})
