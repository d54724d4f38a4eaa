import { deepStrictEqual, match } from 'node:assert/strict'
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

describe('what a cleaner left of batches', () => {
  const ID = 5
  /** As many places as records, or more: of those in between the cleaner has taken the records. */
  const batch = (base: number, records: number, places = records, sequence = base - 10): Buffer =>
    encodeBatch({
      baseOffset: base,
      producerId: BigInt(ID),
      epoch: 0,
      baseSequence: sequence,
      lastOffsetDelta: places - 1,
      records: Array.from({ length: records }, () => ({ timestamp: 1, key: null, value: null })),
    })
  /** Copied to 10 and on; all up to 20. */
  const look = (mayBeCleaned: boolean, batches: readonly Buffer[]) =>
    checkTail(
      {
        key: 't:0' as PartitionKey,
        producerId: ID,
        producerEpoch: 0,
        mayBeCleaned,
        sequenceOf: (target) => target - 10,
      },
      async () => Buffer.concat(batches),
      { from: 10, end: 20 },
      new AbortController().signal,
    )
  const cleaned = {
    'records in a batch': [batch(10, 2, 5), batch(15, 5)],
    'the first batch': [batch(15, 5)],
    'one between others': [batch(10, 2), batch(17, 3)],
  }

  it.each(Object.entries(cleaned))('is the same copy without %s', async (_, left) => {
    const { problem, checkedTo, hasRecords } = await look(true, left)
    deepStrictEqual({ problem, checkedTo, hasRecords }, { ...NONE, checkedTo: 20 })
    // Where no cleaner can have been, it is not what was sent.
    match((await look(false, left)).problem?.detail ?? '', /the mirror itself, but at another/)
  })

  it('is another where something stood before it: then its sequence does not fit its place', async () => {
    const moved = [batch(10, 2, 5), batch(16, 4, 4, 5)]
    const { problem } = await look(true, moved)
    match(problem?.detail ?? '', /offsets 15 to 19 were not written by this mirror/)
  })
})

const NONE = { problem: undefined, hasRecords: true }
