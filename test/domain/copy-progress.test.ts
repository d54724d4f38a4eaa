import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import { type CopyLook, type CopyProgress, copyMeter } from '../../src/domain/copy-progress.ts'

const look = (records: number, left: number, bytes: number | null = records * 10): CopyLook => ({
  topic: 'orders',
  records,
  bytes,
  left,
})
const at = (seconds: number): Date => new Date(seconds * 1000)
const rates = (progress: CopyProgress | undefined) => [
  progress?.recordsPerSecond,
  progress?.bytesPerSecond,
  progress?.secondsLeft,
]

/** Looks at these seconds, and what the last one said. */
const lastOf = (...looks: readonly (readonly [number, CopyLook])[]) => {
  const meter = copyMeter()
  let last: readonly CopyProgress[] = []
  for (const [seconds, each] of looks) last = meter([each], at(seconds))
  return rates(last[0])
}

describe('copyMeter', () => {
  it('says nothing of a rate before two seconds', () => {
    deepStrictEqual(lastOf([0, look(0, 1000)]), [null, null, null])
    deepStrictEqual(lastOf([0, look(0, 1000)], [1.9, look(100, 900)]), [null, null, null])
    deepStrictEqual(lastOf([0, look(0, 1000)], [2, look(100, 900)]), [50, 500, 18])
  })

  it('forgets what is older than ten seconds', () => {
    const fast: [number, CopyLook] = [0, look(0, 20_000)]
    const before: [number, CopyLook] = [10, look(10_000, 10_000)]
    deepStrictEqual(lastOf(fast, before, [20, look(10_010, 9990)]), [1, 10, 9990])
  })

  it('still knows the look before where looks are far apart', () => {
    deepStrictEqual(lastOf([0, look(0, 600)], [60, look(300, 300)]), [5, 50, 60])
  })

  it('counts in that producers go on writing', () => {
    // 100 a second are copied, 50 a second come.
    deepStrictEqual(lastOf([0, look(0, 1000)], [10, look(1000, 500)]), [100, 1000, 10])
  })

  it('promises no end where what is left does not become less', () => {
    deepStrictEqual(lastOf([0, look(0, 1000)], [10, look(1000, 1000)]), [100, 1000, null])
    deepStrictEqual(lastOf([0, look(0, 1000)], [10, look(1000, 2000)]), [100, 1000, null])
  })

  it('is ready where nothing is left, also at the first look', () => {
    deepStrictEqual(lastOf([0, look(7, 0)]), [null, null, 0])
  })

  it('begins anew where a count goes back', () => {
    deepStrictEqual(lastOf([0, look(5000, 100)], [10, look(10, 90)]), [null, null, null])
  })

  it('does not know bytes that it was not told', () => {
    deepStrictEqual(lastOf([0, look(0, 100, null)], [10, look(100, 50, null)]), [10, null, 10])
  })

  it('keeps topics apart', () => {
    const meter = copyMeter()
    const two = (one: number, other: number) => [
      { topic: 'a', records: one, bytes: null, left: 10 },
      { topic: 'b', records: other, bytes: null, left: 10 },
    ]
    meter(two(0, 0), at(0))
    deepStrictEqual(
      meter(two(10, 50), at(10)).map((each) => each.recordsPerSecond),
      [1, 5],
    )
  })
})
