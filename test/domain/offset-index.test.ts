import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import type { Seal } from '../../src/domain/mark.ts'
import {
  expectedTargetEnd,
  GapList,
  gapAt,
  indexFromEnds,
  lastMirroredBelow,
  mirroredToFromTargetEnd,
  rankOf,
} from '../../src/domain/offset-index.ts'
import { translateOffset } from '../../src/domain/translate-offset.ts'
import { markAt, partitionOf, partitions } from './offset-model.ts'

/** Every source offset from a little below the mark to a little past the end. */
const offsetsAround = (start: bigint, end: bigint): SourceOffset[] => {
  const offsets: SourceOffset[] = []
  for (let o = start > 2n ? start - 2n : 0n; o <= end + 2n; o++) offsets.push(o as SourceOffset)
  return offsets
}

describe('rankOf', () => {
  it('counts the mirrored records below an offset', () => {
    fc.assert(
      fc.property(partitions, ({ index, records }) => {
        for (const offset of offsetsAround(index.mark.sourceStart, index.mirroredTo)) {
          if (offset > index.mirroredTo) continue
          const below = records.filter(({ source }) => source < offset).length
          strictEqual(rankOf(index, offset), BigInt(below))
        }
      }),
    )
  })

  it('stays quick with a million gaps', () => {
    const gaps = new GapList()
    for (let i = 0; i < 1_000_000; i++) gaps.append(2 * i, 2 * i + 1)
    const index = { mark: markAt('dense', 0n), gaps, mirroredTo: 2_000_000n as SourceOffset }
    rankOf(index, 1n as SourceOffset)
    const started = process.cpuUsage()
    for (let o = 0n; o < 2_000_000n; o += 1_000n) {
      strictEqual(rankOf(index, o as SourceOffset), o / 2n)
    }
    // Microseconds of CPU: the clock measures the neighbours.
    const { user, system } = process.cpuUsage(started)
    strictEqual(user + system < 1e6, true)
  })
})

describe('gapAt and lastMirroredBelow', () => {
  it('agree with the list', () => {
    fc.assert(
      fc.property(partitions, ({ index, holds, records }) => {
        const { sourceStart } = index.mark
        for (const offset of offsetsAround(sourceStart, index.mirroredTo)) {
          const inside = offset >= sourceStart && offset < index.mirroredTo
          const held = holds[Number(offset - sourceStart)]
          strictEqual(gapAt(index, offset) !== undefined, inside && held === false)
          const last = records.filter(({ source }) => source < offset).at(-1)?.source
          strictEqual(lastMirroredBelow(index, offset), last)
        }
      }),
    )
  })
})

describe('mirroredToFromTargetEnd', () => {
  it('is the inverse of expectedTargetEnd for every point that a mirror passes', () => {
    fc.assert(
      fc.property(partitions, fc.nat(), ({ index: whole, holds }, cut) => {
        const { mark } = whole
        // The mirror stops somewhere; the gaps that it knows then end there.
        const { index } = partitionOf(mark, holds.slice(0, cut % (holds.length + 1)))
        const end = expectedTargetEnd(index)
        const found = mirroredToFromTargetEnd(index, end)
        strictEqual(found, index.mirroredTo)
      }),
    )
  })

  it('skips a known gap that begins at the end, and agrees with the list for every end', () => {
    fc.assert(
      fc.property(partitions, ({ index, records }) => {
        const { mark, diverged } = index
        for (let n = 0; n <= records.length; n++) {
          const end = records[n]?.target ?? expectedTargetEnd(index)
          const isDense = mark.mode === 'dense' || (diverged != null && end >= diverged.target)
          const expected = records[n]?.source ?? index.mirroredTo
          if (isDense || n < records.length) {
            strictEqual(mirroredToFromTargetEnd(index, end as TargetOffset), expected)
          }
        }
      }),
    )
  })

  it('refuses an end below the mark', () => {
    throws(
      () =>
        mirroredToFromTargetEnd(
          { mark: markAt('dense', 5n, 10n), gaps: new GapList() },
          9n as TargetOffset,
        ),
      RangeError,
    )
  })
})

describe('indexFromEnds', () => {
  it('answers as one that knows no gap above the end does', () => {
    fc.assert(
      fc.property(partitions, fc.nat(), ({ index, records, holds }, pick) => {
        const { mark, diverged } = index
        if (diverged != null) return
        const end =
          mark.mode === 'identical'
            ? mark.targetStart + BigInt(pick % (holds.length + 1))
            : mark.targetStart + BigInt(pick % (records.length + 1))
        const found = indexFromEnds(index, end as TargetOffset)
        const length = Number(found.mirroredTo - mark.sourceStart)
        const known = partitionOf(mark, holds.slice(0, length)).index
        strictEqual(expectedTargetEnd(found), end)
        for (const offset of offsetsAround(mark.sourceStart, found.mirroredTo)) {
          deepStrictEqual(gapAt(found, offset), gapAt(known, offset))
          if (offset <= found.mirroredTo) {
            deepStrictEqual(translateOffset(found, offset), translateOffset(known, offset))
          }
        }
      }),
    )
  })

  it('takes the end of a sealed partition from the seal', () => {
    const mark = markAt('dense', 1001n)
    const seal: Seal = {
      topic: mark.topic,
      partition: 0,
      sourceEnd: 1301n as SourceOffset,
      targetEnd: 300n as TargetOffset,
      at: mark.at,
    }
    strictEqual(indexFromEnds({ mark, gaps: new GapList() }, seal).mirroredTo, 1301n)
  })
})
