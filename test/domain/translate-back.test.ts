import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import { expectedTargetEnd } from '../../src/domain/offset-index.ts'
import { type BackTranslation, translateBack } from '../../src/domain/translate-back.ts'
import { translateOffset } from '../../src/domain/translate-offset.ts'
import { markAt, partitionOf, partitions } from './offset-model.ts'

describe('translateBack', () => {
  it('answers the place before the very record that stands at the target offset, or the end of what was mirrored', () => {
    fc.assert(
      fc.property(partitions, ({ index, records }) => {
        const end = expectedTargetEnd(index)
        for (let target = index.mark.targetStart; target <= end; target++) {
          const back = translateBack(index, target)
          const next = records.find((record) => record.target >= target)
          if (back.kind !== 'at') throw new Error(`${target} is not on the source`)
          // The next record to read is the same on both sides.
          deepStrictEqual(
            records.find((record) => record.source >= back.source),
            next,
          )
          // And none before it is read again.
          deepStrictEqual(
            records.filter((record) => record.source < back.source).length,
            records.filter((record) => record.target < target).length,
          )
        }
        deepStrictEqual(translateBack(index, (end + 3n) as TargetOffset), {
          kind: 'beyond',
          beyond: 3n,
        } satisfies BackTranslation)
      }),
    )
  })

  it('is the inverse of where a sync has put a group', () => {
    fc.assert(
      fc.property(partitions, ({ index, records }) => {
        for (const { source } of records) {
          const there = translateOffset(index, source as SourceOffset)
          if (there.kind !== 'at') throw new Error(`${source} is not mirrored`)
          deepStrictEqual(translateBack(index, there.target), { kind: 'at', source })
        }
      }),
    )
  })

  it('takes a position below the mark as that before the first mirrored record', () => {
    const { index } = partitionOf(markAt('dense', 10n, 100n), [true, true])
    deepStrictEqual(translateBack(index, 7n as TargetOffset), { kind: 'at', source: 10n })
  })
})
