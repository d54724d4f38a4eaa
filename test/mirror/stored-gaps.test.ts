import { deepStrictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { StoredGaps } from '../../src/mirror/stored-gaps.ts'

describe('stored gaps', () => {
  it('are those below where a flow begins, and a tenure that has none begins with a whole chunk', () => {
    const stored = new StoredGaps()
    const now = () => [stored.to, stored.safeTo]
    stored.begin('of this holder')
    stored.safeTo = 50
    stored.cutTo(40)
    deepStrictEqual(now(), [-1, 40])
    stored.written(70)
    stored.cutTo(60)
    deepStrictEqual(now(), [60, 60])
    stored.cutTo(80)
    deepStrictEqual(now(), [60, 60])
  })

  it('of a write that failed are told no further than before, and the next chunk is whole', () => {
    const stored = new StoredGaps()
    stored.written(70)
    stored.failed()
    deepStrictEqual([stored.to, stored.safeTo], [-1, 70])
  })
})
