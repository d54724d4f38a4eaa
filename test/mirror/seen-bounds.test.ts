import { deepStrictEqual } from 'node:assert/strict'
import { it } from 'vitest'
import { SeenBounds } from '../../src/mirror/seen-bounds.ts'

it('a log went back where it begins or ends lower than the answer before said, and in another flow it did not', () => {
  const seen = new SeenBounds()
  const wentBack = (logStartOffset: number, highWatermark: number) =>
    seen.wentBack({ logStartOffset, highWatermark })
  deepStrictEqual(
    [wentBack(5, 10), wentBack(5, 10), wentBack(6, 12), wentBack(5, 12), wentBack(5, 11)],
    [false, false, false, true, true],
  )
  deepStrictEqual([wentBack(5, 11), wentBack(0, 20)], [false, true])
  seen.begin()
  deepStrictEqual(wentBack(0, 1), false)
})
