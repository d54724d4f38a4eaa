import { createRequire } from 'node:module'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  CODECS,
  codecsReady,
  decompress,
  encodeBatch,
  forEachRecord,
  MalformedBatch,
  type MalformedReason,
  type NewRecord,
  OffsetTooLarge,
  parseRecord,
} from '../../src/records/index.ts'
import { readVarlong } from '../../src/records/varint.ts'
import { anyTimestamp, expected, newRecords, type OracleRecord, oracleRead } from './oracle.ts'

beforeAll(codecsReady)

const readAll = (batch: Buffer, at = 0): OracleRecord[] => {
  const seen: OracleRecord[] = []
  forEachRecord(batch, at, (record) => {
    const { key, value, headers } = parseRecord(record)
    seen.push({
      offset: BigInt(record.offset),
      timestamp: BigInt(record.timestamp),
      attributes: record.attributes,
      key: key?.toString('hex') ?? null,
      value: value?.toString('hex') ?? null,
      headers: headers.map(
        (h) => [h.key.toString('hex'), h.value?.toString('hex') ?? null] as const,
      ),
    })
  })
  return seen
}

describe('records', () => {
  it('come back as they were written, with every codec, timestamp and place', () => {
    fc.assert(
      fc.property(
        newRecords(anyTimestamp),
        fc.constantFrom(...CODECS),
        fc.nat(2 ** 50),
        fc.option(anyTimestamp, { nil: undefined }),
        (records, codec, baseOffset, baseTimestamp) => {
          const base = baseTimestamp === undefined ? {} : { baseTimestamp }
          const batch = encodeBatch({ records, codec, baseOffset, ...base })
          const want = expected(records, BigInt(baseOffset))
          const placed = Buffer.concat([Buffer.alloc(3), batch, Buffer.alloc(3)])
          expect(readAll(placed, 3)).toStrictEqual(want)
          expect(oracleRead(batch, (b) => decompress(codec, b)).records).toStrictEqual(want)
        },
      ),
    )
  })

  it('null and empty differ; header keys repeat; header values may be null', () => {
    const empty = Buffer.alloc(0)
    const key = Buffer.from('k')
    const records: NewRecord[] = [
      { timestamp: -1, key: null, value: empty, headers: [] },
      { timestamp: 0, key: empty, value: null },
      {
        timestamp: 1,
        key,
        value: key,
        headers: [
          { key, value: null },
          { key, value: empty },
          { key, value: key },
        ],
      },
    ]
    expect(readAll(encodeBatch({ records }))).toStrictEqual(expected(records))
  })

  it('are what kafkajs reads', async () => {
    const require = createRequire(import.meta.url)
    const Decoder = require('kafkajs/src/protocol/decoder')
    const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder')
    await fc.assert(
      fc.asyncProperty(
        newRecords(),
        fc.constantFrom('none' as const, 'gzip' as const),
        async (records, codec) => {
          const batch = encodeBatch({ records, codec, baseOffset: 77 })
          const seen = await decode(new Decoder(batch))
          // Its header object merges repeated keys: the oracle covers those.
          expect(
            seen.records.map((r: Record<'offset' | 'timestamp' | 'key' | 'value', unknown>) => [
              r.offset,
              r.timestamp,
              r.key,
              r.value,
            ]),
          ).toStrictEqual(
            records.map((r, i) => [String(77 + i), String(r.timestamp), r.key, r.value]),
          )
        },
      ),
      { numRuns: 50 },
    )
  })

  it('have the batch’s time with LogAppendTime', () => {
    const record = { timestamp: 5, key: null, value: null }
    const batch = encodeBatch({ records: [record, record], attributes: 8, maxTimestamp: 99 })
    expect(readAll(batch).map((r) => r.timestamp)).toStrictEqual([99n, 99n])
  })

  it('keep the holes that a cleaner left, and its emptied batches', () => {
    const record = { timestamp: 5, key: null, value: null }
    const holes = [
      { ...record, offsetDelta: 2 },
      { ...record, offsetDelta: 5 },
    ]
    const batch = encodeBatch({ records: holes, baseOffset: 10, lastOffsetDelta: 9 })
    expect(readAll(batch).map((r) => r.offset)).toStrictEqual([12n, 15n])
    for (const codec of CODECS) {
      const emptied = encodeBatch({ records: [], codec, lastOffsetDelta: 9 })
      expect(readAll(emptied)).toStrictEqual([])
      const header = Buffer.from(emptied.subarray(0, 61))
      header.writeInt32BE(49, 8)
      expect(readAll(header)).toStrictEqual([])
    }
  })

  it('copied content makes the same records', () => {
    fc.assert(
      fc.property(newRecords(anyTimestamp), (records) => {
        const copies: {
          timestamp: number | bigint
          bytes: Buffer
          contentStart: number
          contentEnd: number
        }[] = []
        forEachRecord(encodeBatch({ records, codec: 'lz4' }), 0, (r) => copies.push({ ...r }))
        expect(oracleRead(encodeBatch({ records: copies })).records).toStrictEqual(
          expected(records),
        )
      }),
      { numRuns: 30 },
    )
  })
})

describe('malformed', () => {
  const reasonOf = (act: () => unknown): MalformedReason | 'none' => {
    try {
      act()
      return 'none'
    } catch (error) {
      if (error instanceof MalformedBatch) return error.reason
      throw error
    }
  }
  /** A batch whose records area is exactly these bytes. */
  const raw = (count: number, ...payload: number[]): Buffer => {
    const batch = encodeBatch({ records: [], lastOffsetDelta: 100 })
    batch.writeInt32BE(count, 57)
    batch.writeInt32BE(49 + payload.length, 8)
    return Buffer.concat([batch, Buffer.from(payload)])
  }
  const good = [12, 0, 0, 0, 1, 1, 0]
  const second = [12, 0, 0, 2, 1, 1, 0]

  const cases: readonly (readonly [string, Buffer, MalformedReason | 'none'])[] = [
    ['nothing wrong', raw(2, ...good, ...second), 'none'],
    ['more records said than bytes allow', raw(2 ** 31 - 1, ...good), 'record-count'],
    ['a negative count', raw(-1, ...good), 'record-count'],
    ['fewer records said', raw(1, ...good, ...second), 'record-count'],
    ['a record past the end', raw(1, 14, 0, 0, 0, 1, 1, 0), 'record-length'],
    ['a negative length', raw(1, 13, 0, 0, 0, 1, 1, 0), 'record-length'],
    ['an endless length', raw(1, 140, 128, 128, 128, 128, 0, 0), 'bad-varint'],
    ['a length cut off', raw(1, 128, 128, 128, 128), 'record-count'],
    ['an endless timestamp', raw(1, 24, 0, ...Array(10).fill(128), 0), 'bad-varint'],
    ['a timestamp past its record', raw(1, 12, 0, 128, 128, 128, 128, 128), 'truncated'],
    ['an offset past its record', raw(1, 12, 0, 0, 128, 128, 128, 128), 'truncated'],
    ['an offset twice', raw(2, ...good, ...good), 'offset-delta'],
    ['a negative offset', raw(1, 12, 0, 0, 1, 1, 1, 0), 'offset-delta'],
    ['an offset past the batch’s last', raw(1, 14, 0, 0, 0xca, 1, 1, 1, 0), 'offset-delta'],
    ['a key past its record', raw(1, 12, 0, 0, 0, 20, 1, 0), 'truncated'],
    ['more headers than bytes', raw(1, 12, 0, 0, 0, 1, 1, 2), 'record-length'],
    ['negative headers', raw(1, 12, 0, 0, 0, 1, 1, 1), 'record-length'],
    ['a header without key', raw(1, 16, 0, 0, 0, 1, 1, 2, 1, 1), 'record-length'],
    ['a header value past its record', raw(1, 16, 0, 0, 0, 1, 1, 2, 0, 20), 'truncated'],
    ['bytes after the headers', raw(1, 14, 0, 0, 0, 1, 1, 0, 0), 'record-length'],
    ['a cut-off header', raw(1, ...good).subarray(0, 60), 'truncated'],
    ['a cut-off batch', raw(1, ...good).subarray(0, 67), 'truncated'],
  ]
  it.each(cases)('%s', (_, batch, reason) => {
    expect(reasonOf(() => readAll(batch))).toBe(reason)
  })

  it('what is cut off is refused before anybody looks into it', () => {
    const value = Buffer.alloc(20)
    const batch = encodeBatch({ records: [{ timestamp: 1, key: null, value }] })
    const skim = (buf: Buffer) => reasonOf(() => forEachRecord(buf, 0, () => undefined))
    for (let end = 0; end < batch.length; end++) {
      expect(skim(batch.subarray(0, end))).toBe('truncated')
    }
    expect(skim(raw(1, 14, 0, 0, 0, 1, 1, 0))).toBe('record-length')
  })

  it('a varlong has at most ten bytes', () => {
    const bytes = Buffer.from([...Array(9).fill(255), 1, 7])
    const position = { at: 0 }
    expect(readVarlong(bytes, position, 11)).toBe(-(2n ** 63n))
    expect(position.at).toBe(10)
    bytes[9] = 129
    expect(reasonOf(() => readVarlong(bytes, { at: 0 }, 11))).toBe('bad-varint')
    expect(reasonOf(() => readVarlong(bytes, { at: 0 }, 9))).toBe('truncated')
  })

  it('magic, length and codec are checked', () => {
    const magic = raw(1, ...good)
    magic[16] = 1
    expect(reasonOf(() => readAll(magic))).toBe('not-magic-2')
    const length = raw(1, ...good)
    length.writeInt32BE(48, 8)
    expect(reasonOf(() => readAll(length))).toBe('bad-length')
    const codec = raw(1, ...good)
    codec[22] = 5
    expect(reasonOf(() => readAll(codec))).toBe('unknown-codec')
  })

  it('any damage ends in a typed error or in records, never in anything else', () => {
    fc.assert(
      fc.property(
        newRecords(anyTimestamp),
        fc.constantFrom(...CODECS),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat()),
        (records, codec, changes, cut) => {
          let batch = encodeBatch({ records, codec })
          for (const [at, byte] of changes) batch[at % batch.length] = byte
          if (cut !== null) batch = batch.subarray(0, cut % batch.length)
          try {
            readAll(batch)
          } catch (error) {
            if (!(error instanceof MalformedBatch || error instanceof OffsetTooLarge)) throw error
          }
        },
      ),
      { numRuns: 1500 },
    )
  })
})
