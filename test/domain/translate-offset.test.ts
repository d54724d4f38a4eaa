import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import { expectedTargetEnd } from '../../src/domain/offset-index.ts'
import { type Translation, translateOffset } from '../../src/domain/translate-offset.ts'
import { markAt, type Partition, partitionOf, partitions } from './offset-model.ts'

/** Design section 6, by looking through the list. */
const expected = ({ index, records }: Partition, offset: bigint): Translation => {
  const { mark, mirroredTo } = index
  if (offset > mirroredTo) return { kind: 'ahead', missing: offset - mirroredTo }
  if (offset < mark.sourceStart) {
    return { kind: 'below-mark', target: mark.targetStart, lost: mark.sourceStart - offset }
  }
  const next = records.find(({ source }) => source >= offset)
  return { kind: 'at', target: (next?.target ?? expectedTargetEnd(index)) as TargetOffset }
}

const at = (partition: Partition, offset: bigint): Translation =>
  translateOffset(partition.index, offset as SourceOffset)

const held = (...holds: number[]): boolean[] => holds.map((hold) => hold === 1)

describe('translateOffset', () => {
  it('agrees with the list for every offset', () => {
    fc.assert(
      fc.property(partitions, (partition) => {
        const { mark, mirroredTo } = partition.index
        const from = mark.sourceStart > 2n ? mark.sourceStart - 2n : 0n
        for (let offset = from; offset <= mirroredTo + 2n; offset++) {
          deepStrictEqual(at(partition, offset), expected(partition, offset))
        }
      }),
    )
  })

  const dense = partitionOf(markAt('dense', 10n, 100n), held(1, 0, 0, 1, 1, 0))
  const identical = partitionOf(markAt('identical', 10n), held(1, 0, 0, 1, 1, 0))
  const cases: readonly [string, Partition, bigint, Translation][] = [
    ['dense: a record', dense, 13n, { kind: 'at', target: 101n as TargetOffset }],
    [
      'dense: in a hole, the record after it',
      dense,
      11n,
      { kind: 'at', target: 101n as TargetOffset },
    ],
    ['dense: in the last hole, the end', dense, 15n, { kind: 'at', target: 103n as TargetOffset }],
    ['dense: at the end, the end', dense, 16n, { kind: 'at', target: 103n as TargetOffset }],
    ['dense: past the end', dense, 18n, { kind: 'ahead', missing: 2n }],
    ['dense: below', dense, 7n, { kind: 'below-mark', target: 100n as TargetOffset, lost: 3n }],
    ['identical: a record', identical, 13n, { kind: 'at', target: 13n as TargetOffset }],
    ['identical: in a hole, past it', identical, 11n, { kind: 'at', target: 13n as TargetOffset }],
    ['identical: at the end', identical, 16n, { kind: 'at', target: 16n as TargetOffset }],
    ['identical: past the end', identical, 17n, { kind: 'ahead', missing: 1n }],
    [
      'identical: below',
      identical,
      9n,
      { kind: 'below-mark', target: 10n as TargetOffset, lost: 1n },
    ],
  ]
  for (const [name, partition, offset, translation] of cases) {
    it(name, () => deepStrictEqual(at(partition, offset), translation))
  }

  it('gives the test vector of the method: mark (1001, 0), committed 3200, target 2199', () => {
    const partition = partitionOf(
      markAt('dense', 1001n),
      Array.from({ length: 2300 }, () => true),
    )
    strictEqual(partition.index.mirroredTo, 3301n)
    deepStrictEqual(at(partition, 3200n), { kind: 'at', target: 2199n })
  })
})
