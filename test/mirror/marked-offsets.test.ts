import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { AcceptedGap } from '../../src/domain/accepted-gap.ts'
import type { SourceOffset } from '../../src/domain/ids.ts'
import { targetAt } from '../../src/domain/offset-index.ts'
import { MarkedOffsets } from '../../src/mirror/marked-offsets.ts'
import { fullState } from '../state/samples.ts'

/** What a partition looks like: which source offsets hold a record, and a range that is accepted as a gap. */
const cases = fc.record({
  holds: fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)), {
    minLength: 1,
    maxLength: 40,
  }),
  from: fc.nat(39),
  length: fc.integer({ min: 1, max: 20 }),
  offsets: fc.constantFrom('dense', 'padded', 'diverged' as const),
})

describe('offsets around an accepted gap', () => {
  it('are those of a plain list, in every mode', () => {
    fc.assert(
      fc.property(cases, ({ holds, length, offsets, ...of }) => {
        const from = Math.min(of.from, holds.length - 1)
        const to = Math.min(from + length, holds.length)
        const mode = offsets === 'dense' ? 'dense' : 'identical'
        const mark = {
          ...fullState(1).marks[0]!,
          sourceStart: 0n as SourceOffset,
          targetStart: 0n as never,
          mode,
        } as const
        const marked = new MarkedOffsets(mark)
        marked.acceptedGaps = [
          { from: BigInt(from), to: BigInt(to), offsets } as unknown as AcceptedGap,
        ]
        // As the mirror reads the source: hole by hole, and over the gap.
        const records: { readonly source: number; readonly target: number }[] = []
        let lower = 0
        for (let at = 0; at < holds.length; ) {
          const next = marked.passAccepted(at)
          if (next > at) {
            if (offsets === 'diverged') lower = next - from
            at = next
            continue
          }
          if (holds[at]) {
            const target = mode === 'dense' ? records.length : at - lower
            records.push({ source: at, target: lower > 0 ? -1 : target })
          } else marked.gaps.append(at, at + 1)
          at++
        }
        // Behind where offsets diverged records follow each other without a hole.
        const before = records.filter(({ target }) => target >= 0)
        const behind = records
          .slice(before.length)
          .map(({ source }, i) => ({ source, target: from + i }))
        const all = [...before, ...behind]
        deepStrictEqual(
          marked.diverged,
          offsets === 'diverged' ? { source: BigInt(to), target: BigInt(from) } : null,
        )
        const mirroredTo = BigInt(holds.length) as SourceOffset
        const index = { mark, gaps: marked.gaps, diverged: marked.diverged, mirroredTo }
        for (const [rank, { source, target }] of all.entries()) {
          strictEqual(marked.sourceOf(target), source)
          strictEqual(marked.rankAt(target), rank)
          deepStrictEqual(marked.lastRecordBelow(target + 1), { source, target })
          strictEqual(targetAt(index, BigInt(source) as SourceOffset), BigInt(target) as never)
        }
        for (let at = 0; at < holds.length; at++) {
          const next = all.find(({ source }) => source >= at)
          if (next === undefined) continue
          strictEqual(targetAt(index, BigInt(at) as SourceOffset), BigInt(next.target) as never)
        }
        // A marker may stand only where a padded hole is.
        const isHole = marked.markers.markers?.isHole
        for (const { target } of all) strictEqual(isHole?.(target) ?? false, false)
        if (offsets === 'padded') strictEqual(isHole?.(from), true)
      }),
      { numRuns: 500 },
    )
  })
})
