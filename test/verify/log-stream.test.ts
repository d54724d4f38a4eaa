import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { TopicName } from '../../src/domain/ids.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { DecodedBatch } from '../../src/verify/decoded-batch.ts'
import { LogStream } from '../../src/verify/log-stream.ts'

const batch = (baseOffset: number, count: number): Buffer =>
  encodeBatch({
    baseOffset,
    records: Array.from({ length: count }, () => ({ timestamp: 1, key: null, value: null })),
  })

/** The offsets that a stream gives of a log, fetched batch by batch as a broker answers. */
const offsetsOf = (
  log: readonly Buffer[],
  range: { readonly from: number; readonly to: number },
  without: { readonly from: number; readonly to: number },
): readonly number[] => {
  const stream = new LogStream(
    { topic: 'orders' as TopicName, partition: 0, ...range, without: [without] },
    () => {},
  )
  for (let fetches = 0; !stream.complete; fetches++) {
    strictEqual(fetches < 20, true, `it asks for ${stream.fetchOffset} again and again`)
    const at = log.findIndex(
      (each) => Number(each.readBigInt64BE(0)) + each.readInt32BE(23) >= stream.fetchOffset,
    )
    stream.take(Buffer.concat(log.slice(at)), null)
  }
  const found: number[] = []
  const decoded = new DecodedBatch()
  while (stream.next() === 'batch') {
    decoded.take(stream)
    for (let i = 0; i < decoded.count; i++) found.push(decoded.offsets[i]!)
  }
  deepStrictEqual(stream.stopped, { kind: 'end' })
  return found
}

describe('a range that is passed over', () => {
  const log = [batch(0, 5), batch(5, 5), batch(10, 5), batch(15, 5)]
  const without = (from: number, to: number) => offsetsOf(log, { from: 0, to: 20 }, { from, to })
  const all = Array.from({ length: 20 }, (_, i) => i)

  it.each([
    ['a batch', 5, 10],
    ['records within one', 6, 8],
    ['the start of one and the end of another', 7, 12],
    ['the beginning', 0, 7],
    ['the end', 13, 20],
  ])('%s', (_, from, to) => {
    deepStrictEqual(
      without(from, to),
      all.filter((offset) => offset < from || offset >= to),
    )
  })

  it('whatever stands there', () => {
    const damaged = batch(5, 5)
    damaged[damaged.length - 1]! ^= 0x40
    const [first, , ...others] = log
    deepStrictEqual(
      offsetsOf([first!, damaged, ...others], { from: 0, to: 20 }, { from: 5, to: 10 }),
      all.filter((offset) => offset < 5 || offset >= 10),
    )
  })
})
