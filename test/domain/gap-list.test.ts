import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { GapList } from '../../src/domain/gap-list.ts'

const END = 400

/** What a mirror does to a list: learns gaps, starts over from somewhere, stores and reads. */
const operations = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ skip: fc.nat(4), length: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 1, arbitrary: fc.record({ truncate: fc.nat(END) }) },
    { weight: 1, arbitrary: fc.record({ stored: fc.nat(END) }) },
  ),
  { maxLength: 300 },
)

describe('a list of gaps', () => {
  it('agrees with a plain list, whatever is done to it', () => {
    fc.assert(
      fc.property(operations, (all) => {
        let list = new GapList()
        let missing: boolean[] = []
        for (const one of all) {
          if ('truncate' in one) {
            list.truncate(one.truncate)
            missing = missing.slice(0, one.truncate)
          } else if ('stored' in one) {
            // One that knows everything below, and learns the rest from what was stored.
            const other = GapList.of(list)
            other.truncate(one.stored)
            other.readInto(one.stored, list.bytesFrom(one.stored))
            list = other
          } else {
            const from = Math.max(missing.length, list.end) + one.skip
            if (from + one.length > END) continue
            list.append(from, from + one.length)
            for (let o = missing.length; o < from + one.length; o++) missing[o] = o >= from
          }
        }
        const places = missing.flatMap((gone, o) => (gone ? [o] : []))
        deepStrictEqual(
          [...list].flatMap(({ from, to }) =>
            Array.from({ length: Number(to - from) }, (_, i) => Number(from) + i),
          ),
          places,
        )
        const gaps = [...list]
        ok(gaps.every((gap, i) => i === 0 || gap.from > gaps[i - 1]!.to))
        strictEqual(list.count, gaps.length)
        strictEqual(list.end, (places.at(-1) ?? -1) + 1)
        for (let o = 0, below = 0, rank = 0; o <= missing.length + 2; o++) {
          strictEqual(list.missingBelow(o), below)
          strictEqual(list.at(o) !== undefined, missing[o] === true)
          if (missing[o]) below++
          else {
            strictEqual(list.offsetOfRank(0, rank++), o)
            const { from, to } = list.runAround(o)
            ok(from <= o && o < to && missing[to] !== false && missing[from - 1] !== false)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('refuses what does not follow', () => {
    const list = GapList.of([{ from: 5, to: 8 }])
    for (const [from, to] of [
      [7, 9],
      [8, 8],
      [9, 8],
      [9, 2 ** 53],
    ] as const) {
      throws(() => list.append(from, to), RangeError)
    }
    throws(() => new GapList().readInto(0, Uint8Array.of(0x81)), RangeError)
  })

  it('takes about two bytes for each commit of a transactional topic', () => {
    const list = new GapList()
    for (let i = 1; i <= 1_000_000; i++) list.append(i * 101 - 1, i * 101)
    ok(list.bytes < 2.5e6, `${list.bytes}`)
  })
})
