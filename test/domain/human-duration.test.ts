import { expect, it } from 'vitest'
import { humanDuration } from '../../src/domain/human-duration.ts'

it.each([
  [-1, 'for ever'],
  [0, '0ms'],
  [90_000, '90s'],
  [604_800_000, '7d'],
  [129_600_000, '36h'],
  // A day less a margin for clocks.
  [86_100_000, '23h 55m'],
  [123_456_789, '1d 10h 17m 36s 789ms'],
  [31_536_000_000, '365d'],
] as const)('%i ms is %s, and nothing is rounded', (ms, says) => {
  expect(humanDuration(ms)).toBe(says)
})
