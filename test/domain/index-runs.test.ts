import { expect, it } from 'vitest'
import type { SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import { runsOf } from '../../src/domain/index-runs.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { GapList, type OffsetIndex } from '../../src/domain/offset-index.ts'
import { translateOffset } from '../../src/domain/translate-offset.ts'

const index = (parts: Partial<OffsetIndex> & { readonly mode: Mark['mode'] }): OffsetIndex => ({
  mark: {
    mode: parts.mode,
    sourceStart: 10n,
    targetStart: parts.mode === 'dense' ? 3n : 10n,
  } as Mark,
  gaps: GapList.of([
    { from: 10, to: 12 },
    { from: 15, to: 16 },
    { from: 30, to: 40 },
  ]),
  mirroredTo: 35n as SourceOffset,
  ...parts,
})
const runs = (of: OffsetIndex) => [...runsOf(of)].map(({ from, to, target }) => [from, to, target])

it('lists what is between the gaps, up to what is mirrored', () => {
  expect(runs(index({ mode: 'dense' }))).toEqual([
    [12n, 15n, 3n],
    [16n, 30n, 6n],
  ])
  expect(runs(index({ mode: 'identical' }))).toEqual([
    [12n, 15n, 12n],
    [16n, 30n, 16n],
  ])
})

it('cuts a run where identical offsets ended', () => {
  const diverged = { source: 20n as SourceOffset, target: 25n as TargetOffset }
  expect(runs(index({ mode: 'identical', diverged }))).toEqual([
    [12n, 15n, 12n],
    [16n, 20n, 16n],
    [20n, 30n, 25n],
  ])
})

it('says the same as the translation of every single position', () => {
  for (const mode of ['dense', 'identical'] as const) {
    const of = index({ mode })
    for (const { from, to, target } of runsOf(of)) {
      for (let o = from as bigint; o < to; o++) {
        const translated = translateOffset(of, o as SourceOffset)
        expect(translated).toMatchObject({ kind: 'at', target: target + (o - from) })
      }
    }
  }
})
