import { deepStrictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { PartitionKey } from '../../src/domain/ids.ts'
import { stopNow } from '../../src/mirror/stop-now.ts'
import { encodeBatch } from '../../src/records/index.ts'

const KEY = 'orders:0' as PartitionKey

const batch = (baseOffset: number, count: number): Buffer =>
  encodeBatch({
    baseOffset,
    records: Array.from({ length: count }, () => ({
      timestamp: 1,
      key: null,
      value: Buffer.from('value'),
    })),
  })
const damaged = (whole: Buffer, byte = whole.length - 1): Buffer => {
  const copy = Buffer.from(whole)
  copy[byte]! ^= 0x40
  return copy
}

/** A log as a broker reads it: it finds the batch by the headers, and answers from there to the end of the segment. */
const logOf = (segments: readonly (readonly Buffer[])[], end: number) => ({
  ends: async () => ({ start: 0, end }),
  read: async (_key: PartitionKey, offset: number, maxBytes: number) => {
    const last = (each: Buffer) => Number(each.readBigInt64BE(0)) + each.readInt32BE(23)
    const base = (each: Buffer) => Number(each.readBigInt64BE(0))
    const from = segments.findLastIndex(([first]) => base(first!) <= offset)
    for (const segment of segments.slice(Math.max(0, from))) {
      const at = segment.findIndex((each) => last(each) >= offset)
      if (at < 0) continue
      const bytes = Buffer.concat(segment.slice(at))
      // Copies: what is read is worked on.
      return Buffer.from(bytes.subarray(0, Math.max(maxBytes, segment[at]!.length)))
    }
    return Buffer.alloc(0)
  },
})

const rangeOf = async (segments: readonly (readonly Buffer[])[], end: number, next = 10) => {
  const stop = await stopNow(logOf(segments, end), KEY, next, Number.POSITIVE_INFINITY)
  if (stop.kind !== 'blocked') return stop.kind
  const { from, to, isWhole } = stop.block
  return isWhole ? [from, to] : 'unknown'
}

describe('how far damage reaches', () => {
  const LAST_OFFSET_DELTA = 23

  it('is to the next sound batch', async () => {
    deepStrictEqual(
      await rangeOf([[batch(0, 10), damaged(batch(10, 5)), batch(15, 5)]], 20),
      [10, 15],
    )
  })

  it('is over several damaged ones, and a hole behind them', async () => {
    const two = [damaged(batch(10, 5)), damaged(batch(15, 5)), batch(23, 2)]
    deepStrictEqual(await rangeOf([[batch(0, 10), ...two]], 25), [10, 23])
  })

  it('is never what its own header says where a sound batch contradicts it', async () => {
    const lying = damaged(batch(10, 5), LAST_OFFSET_DELTA + 3)
    deepStrictEqual(await rangeOf([[batch(0, 10), lying, batch(15, 5)]], 20), [10, 15])
  })

  it('is to its own end where that is the end of the segment, or of the log', async () => {
    const first = [batch(0, 10), damaged(batch(10, 5))]
    deepStrictEqual(await rangeOf([first, [batch(15, 5)]], 20), [10, 15])
    deepStrictEqual(await rangeOf([first], 15), [10, 15])
  })

  it('is unknown where nothing says so', async () => {
    const lying = damaged(batch(10, 5), LAST_OFFSET_DELTA + 3)
    deepStrictEqual(await rangeOf([[batch(0, 10), lying], [batch(15, 5)]], 20), 'unknown')
    const LENGTH = 11
    const cut = damaged(batch(10, 5), LENGTH)
    deepStrictEqual(await rangeOf([[batch(0, 10), cut, batch(15, 5)]], 20), 'unknown')
  })

  it('is unknown where its header reaches over a later segment', async () => {
    const lying = damaged(batch(10, 5))
    lying.writeInt32BE(9, LAST_OFFSET_DELTA)
    const segments = [[batch(0, 10), lying], [batch(15, 5)], [batch(20, 5)]]
    deepStrictEqual(await rangeOf(segments, 25), 'unknown')
  })

  it('is nothing where all is sound', async () => {
    deepStrictEqual(await rangeOf([[batch(0, 10), batch(10, 5)]], 15), 'nothing')
    deepStrictEqual(await rangeOf([[batch(0, 10)]], 10), 'nothing')
  })
})
