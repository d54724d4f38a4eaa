import { describe, expect, it } from 'vitest'
import { encodeBatch, readControlMarker } from '../../src/records/index.ts'

const record = (key: string | null, value: string | null) => ({
  timestamp: 5,
  key: key === null ? null : Buffer.from(key, 'hex'),
  value: value === null ? null : Buffer.from(value, 'hex'),
})
const batch = (...records: ReturnType<typeof record>[]): Buffer =>
  encodeBatch({ records, attributes: 0x30, baseOffset: 42, producerId: 9n, epoch: 4 })
const common = { offset: 42, producerId: 9n, producerEpoch: 4 }

describe('readControlMarker', () => {
  it.each([
    ['abort', record('00000000', '00000000000c'), { kind: 'abort', type: 0, coordinatorEpoch: 12 }],
    [
      'commit',
      record('00000001', '0000ffffffff'),
      { kind: 'commit', type: 1, coordinatorEpoch: -1 },
    ],
    [
      'a longer value',
      record('0001000199', '00010000000c77'),
      { kind: 'commit', type: 1, coordinatorEpoch: 12 },
    ],
    ['leader change', record('00000002', null), { kind: 'other', type: 2, coordinatorEpoch: -1 }],
  ])('%s', (_, content, marker) => {
    expect(readControlMarker(batch(content), 0)).toStrictEqual({ ...common, ...marker })
  })

  const good = record('00000001', '00000000000c')
  it.each([
    ['no control bit', encodeBatch({ records: [good] }), 'not-control'],
    ['no record', batch(), 'record-count'],
    ['two records', batch(good, good), 'record-count'],
    ['no key', batch(record(null, '00000000000c')), 'truncated'],
    ['a short key', batch(record('000000', '00000000000c')), 'truncated'],
    ['no value', batch(record('00000001', null)), 'truncated'],
    ['a short value', batch(record('00000001', '0000000000')), 'truncated'],
  ])('refuses %s', (_, buf, reason) => {
    expect(() => readControlMarker(buf, 0)).toThrow(expect.objectContaining({ reason }))
  })
})
