import { strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { firstDifference } from '../../src/mirror/first-difference.ts'

describe('the first difference of two logs', () => {
  it('is found wherever it is, with few looks', async () => {
    const place = fc.tuple(fc.nat(1_000_000), fc.nat(1_000_000), fc.nat(1_000_000))
    await fc.assert(
      fc.asyncProperty(place, async ([from, same, different]) => {
        const first = from + same
        const to = first + different + 1
        let looks = 0
        const found = await firstDifference({ from, to }, async (offset) => {
          looks++
          return offset < first
        })
        strictEqual(found, first)
        strictEqual(looks <= Math.ceil(Math.log2(to - from + 1)) + 1, true)
      }),
    )
  })
})
