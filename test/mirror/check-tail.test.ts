import { deepStrictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { PartitionKey } from '../../src/domain/ids.ts'
import { checkTail } from '../../src/mirror/check-tail.ts'
import { ATTRIBUTES, encodeBatch } from '../../src/records/index.ts'

const MARKERS = 7
const markerAt = (base: number): Buffer =>
  encodeBatch({
    baseOffset: base,
    producerId: BigInt(MARKERS),
    epoch: 0,
    attributes: ATTRIBUTES.transactional | ATTRIBUTES.control,
    records: [{ timestamp: 1, key: Buffer.alloc(4), value: Buffer.alloc(6) }],
  })

const overshootOf = async (holes: readonly number[], markers: readonly number[]) => {
  const log = Buffer.concat(markers.map(markerAt))
  const ours = {
    key: 't:0' as PartitionKey,
    producerId: 5,
    producerEpoch: 0,
    sequenceOf: () => 0,
    markers: { producerId: MARKERS, isHole: (target: number) => holes.includes(target) },
  }
  const range = { from: markers[0]!, end: markers.at(-1)! + 1 }
  const tail = await checkTail(ours, async () => log, range, new AbortController().signal)
  return tail.overshoot
}

describe('control markers too many', () => {
  it('are none where each fills a hole', async () => {
    deepStrictEqual(await overshootOf([10, 11], [10, 11]), undefined)
  })
  it('reach over a later hole that is known already', async () => {
    deepStrictEqual(await overshootOf([10, 12], [10, 11, 12]), { from: 11, to: 13 })
    const sentTwice = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    deepStrictEqual(await overshootOf([10, 11, 12, 13, 14, 16], sentTwice), { from: 15, to: 20 })
  })
})
