import { deepStrictEqual, ok } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { backoffMs } from '../../src/mirror/wait.ts'

describe('the wait before the next attempt', () => {
  const longest = (attempt: number) => backoffMs(attempt, () => 1)

  it('doubles from 100 ms on, up to 10 s, however often it failed', () => {
    const first = [0, 1, 2, 3, 4, 5, 6].map(longest)
    deepStrictEqual(first, [100, 200, 400, 800, 1_600, 3_200, 6_400])
    deepStrictEqual([7, 8, 50, 5_000].map(longest), [10_000, 10_000, 10_000, 10_000])
  })

  it('is spread down to a half, so that many do not come back at once', () => {
    for (const attempt of [0, 4, 50]) {
      deepStrictEqual(
        backoffMs(attempt, () => 0),
        longest(attempt) / 2,
      )
    }
    const waits = Array.from({ length: 50 }, () => backoffMs(5))
    ok(waits.every((ms) => ms >= 1_600 && ms <= 3_200) && new Set(waits).size > 40)
  })
})
