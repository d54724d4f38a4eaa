import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { GapList } from '../../src/domain/gap-list.ts'
import { type GapShape, gapsOfShape } from '../_gap-shapes.ts'

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

  const COUNT = 200_000
  it.each(
    Object.entries({
      'a commit every 100 records': 2.4,
      'a commit every 10,000 records': 3.4,
      'compacted: one of 10 records left': 2.4,
      'compacted: one of 10,000 left': 3.6,
    } satisfies Record<GapShape, number>) as [GapShape, number][],
  )(
    'is small: %s takes %d bytes a gap at most, of which sums for a lookup are 0.4',
    (shape, most) => {
      const list = gapsOfShape(shape, COUNT)
      const each = list.bytes / list.count
      ok(each <= most && each > most - 0.2, `${each} bytes`)
      const stored = list.bytesFrom(0).length / list.count
      ok(stored <= most - 0.3, `${stored} bytes stored`)
    },
  )

  it('is coalesced: what touches is one gap, however many pieces it came in', () => {
    const list = new GapList()
    for (let i = 0; i < COUNT; i++) list.append(i, i + 1)
    strictEqual(list.count, 1)
    ok(list.bytes < 64 && list.bytesFrom(0).length < 8, `${list.bytes}`)
  })
})
