import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  CODECS,
  codecsReady,
  encodeBatch,
  forEachRecord,
  HEADER_BYTES,
  RecordTable,
} from '../../src/records/index.ts'
import { anyTimestamp, newRecords } from './oracle.ts'

beforeAll(codecsReady)

type Row = readonly [offset: number, timestamp: unknown, attributes: number, content: string]

const rowsOf = (batch: Buffer, at: number, from: number, to: number): readonly Row[] | string => {
  const table = new RecordTable()
  return orItsFault(() => {
    table.load(batch, at, from, to)
    return Array.from({ length: table.count }, (_, i): Row => {
      const content = table.bytes.toString('hex', table.starts[i], table.ends[i])
      return [table.offsets[i]!, table.timestamps[i], table.attributes[i]!, content]
    })
  })
}

const visited = (batch: Buffer, at: number, from: number, to: number): readonly Row[] | string => {
  const rows: Row[] = []
  return orItsFault(() => {
    forEachRecord(batch, at, (record) => {
      const { offset, timestamp, attributes, bytes, contentStart, contentEnd } = record
      if (offset < from || offset >= to) return
      rows.push([offset, timestamp, attributes, bytes.toString('hex', contentStart, contentEnd)])
    })
    return rows
  })
}

/** Which words a malformed batch is refused with may differ. */
const orItsFault = <T>(read: () => T): T | string => {
  try {
    return read()
  } catch (error) {
    return (error as Error).name
  }
}

describe('a table of records', () => {
  it('holds what visiting each record gives, of any part of the batch', () => {
    fc.assert(
      fc.property(
        newRecords(anyTimestamp),
        fc.constantFrom(...CODECS),
        fc.nat(2 ** 50),
        fc.nat(12),
        fc.nat(12),
        (records, codec, baseOffset, first, count) => {
          const batch = encodeBatch({ records, codec, baseOffset })
          const placed = Buffer.concat([Buffer.alloc(3, 0xff), batch, Buffer.alloc(3, 0x01)])
          const [from, to] = [baseOffset + first, baseOffset + first + count]
          expect(rowsOf(placed, 3, from, to)).toStrictEqual(visited(placed, 3, from, to))
          expect(rowsOf(placed, 3, 0, 2 ** 53)).toHaveLength(records.length)
        },
      ),
    )
  })

  it('refuses what visiting refuses, whichever bytes are changed, and wherever the batch ends', () => {
    let refused = 0
    fc.assert(
      fc.property(
        newRecords(anyTimestamp),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 2, 127, 128, 129, 254, 255)), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.boolean(),
        (records, changes, isLast) => {
          const batch = encodeBatch({ records })
          for (const [place, byte] of changes) {
            batch[HEADER_BYTES + (place % (batch.length - HEADER_BYTES))] = byte
          }
          const placed = isLast ? batch : Buffer.concat([batch, Buffer.alloc(20, 0x02)])
          const rows = rowsOf(placed, 0, 0, 2 ** 53)
          expect(rows).toStrictEqual(visited(placed, 0, 0, 2 ** 53))
          if (rows === 'MalformedBatch') refused++
        },
      ),
      { numRuns: 2000 },
    )
    expect(refused).toBeGreaterThan(100)
  })

  it('refuses a record that ends before its deltas do', () => {
    const value = Buffer.alloc(20)
    const batch = encodeBatch({ records: [{ timestamp: 1, key: null, value }] })
    // Six bytes, as the shortest record has; of which the attributes and a timestamp delta take all.
    Buffer.from([12, 0, 0x80, 0x80, 0x80, 0x80, 0, 0]).copy(batch, HEADER_BYTES)
    expect(visited(batch, 0, 0, 9)).toBe('MalformedBatch')
    const table = new RecordTable()
    expect(() => table.load(batch, 0, 0)).toThrow('ends inside of its deltas')
  })
})
