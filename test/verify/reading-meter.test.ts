import { deepStrictEqual } from 'node:assert/strict'
import { it } from 'vitest'
import { ReadingMeter } from '../../src/verify/reading-meter.ts'

it('a long reading says how far it is, how fast, and how long it still takes, twice a second at most', () => {
  const lines: string[] = []
  let now = 1_000
  const meter = new ReadingMeter(
    'reads',
    9_000_000,
    (line) => lines.push(line),
    () => now,
  )
  for (const [at, records] of [
    [1_400, 10],
    [2_000, 999_990],
    [2_300, 5],
    [11_000, 1_999_995],
  ] as const) {
    now = at
    meter.add(records)
  }
  deepStrictEqual(lines, [
    'reads: 1,000,000 of 9,000,000 records, 1,000,000/s, about 8 s left',
    'reads: 3,000,000 of 9,000,000 records, 300,000/s, about 20 s left',
  ])
})
