import { describe, expect, it } from 'vitest'
import { type BatchParts, classify, encodeBatch } from '../../src/records/index.ts'

const record = { timestamp: 5, key: null, value: Buffer.from('x') }
const batch = (parts: Partial<BatchParts> = {}): Buffer =>
  encodeBatch({ baseOffset: 10, records: [record, record], ...parts })
const changed = (buf: Buffer, at: number, value: number): Buffer => {
  buf[at] = value
  return buf
}

const cases: readonly (readonly [string, Buffer, string])[] = [
  ['plain', batch(), 'pass-through'],
  ['compressed', batch({ codec: 'gzip' }), 'pass-through'],
  ['of a producer', batch({ producerId: 4n, epoch: 1, baseSequence: 7 }), 'pass-through'],
  ['format 0', changed(batch(), 16, 0), 'old-format'],
  ['format 1', changed(batch(), 16, 1), 'old-format'],
  ['format 3', changed(batch(), 16, 3), 'unknown-magic'],
  ['a flipped bit', changed(batch(), 70, 9), 'crc-mismatch'],
  ['a flipped attribute', changed(batch(), 22, 16), 'crc-mismatch'],
  ['fewer offsets than records', batch({ lastOffsetDelta: 0 }), 'malformed'],
  ['a negative last offset', batch({ records: [], lastOffsetDelta: -1 }), 'malformed'],
  ['a marker', batch({ attributes: 0x30 }), 'control'],
  ['a control batch without transaction', batch({ attributes: 0x20 }), 'control'],
  ['in a transaction', batch({ attributes: 0x10 }), 'transactional'],
  ['bit 7', batch({ attributes: 0x80 }), 'unknown-attributes'],
  ['bit 15', batch({ attributes: 0x8000 }), 'unknown-attributes'],
  ['emptied by a cleaner', batch({ records: [], lastOffsetDelta: 4 }), 'empty'],
  ['before what is expected', batch({ baseOffset: 9 }), 'overlaps'],
  ['after what is expected', batch({ baseOffset: 11 }), 'holes'],
  ['thinned by a cleaner', batch({ lastOffsetDelta: 2 }), 'holes'],
  ['with append time', batch({ attributes: 0x08 }), 'log-append-time'],
  ['with a delete horizon', batch({ attributes: 0x40 }), 'delete-horizon'],
  ['too large', batch({ records: [record, { ...record, value: Buffer.alloc(950) }] }), 'too-large'],
]

describe('classify', () => {
  it.each(cases)('%s', (_, buf, reason) => {
    const limits = { expectedNext: 10, maxBytes: 1000 }
    expect(classify(buf, 0, limits)).toBe(reason)
    const placed = Buffer.concat([Buffer.alloc(5), buf, Buffer.alloc(5)])
    expect(classify(placed, 5, limits)).toBe(reason)
  })

  it('codecs 5 to 7 are unknown', async () => {
    const { sealCrc } = await import('../../src/records/rewrite.ts')
    for (const number of [5, 6, 7]) {
      const buf = changed(batch(), 22, number)
      sealCrc(buf, 0)
      expect(classify(buf, 0, { expectedNext: 10, maxBytes: 1000 })).toBe('unknown-attributes')
    }
  })

  it('a batch of exactly the target’s limit passes', () => {
    const buf = batch()
    expect(classify(buf, 0, { expectedNext: 10, maxBytes: buf.length })).toBe('pass-through')
    expect(classify(buf, 0, { expectedNext: 10, maxBytes: buf.length - 1 })).toBe('too-large')
  })
})
