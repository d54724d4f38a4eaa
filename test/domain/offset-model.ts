import fc from 'fast-check'
import type { ClusterId, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { type Divergence, GapList, type OffsetIndex } from '../../src/domain/offset-index.ts'

/** A mark of `orders:0`. */
export const markAt = (
  mode: Mark['mode'],
  sourceStart: bigint,
  targetStart: bigint = mode === 'identical' ? sourceStart : 0n,
): Mark => ({
  topic: 'orders' as TopicName,
  partition: 0,
  sourceCluster: 'source' as ClusterId,
  targetCluster: 'target' as ClusterId,
  sourceStart: sourceStart as SourceOffset,
  targetStart: targetStart as TargetOffset,
  mode,
  producerId: 4000n,
  producerEpoch: 0,
  fillerProducerId: 4001n,
  at: '2026-01-01T00:00:00.000Z',
})

/** A partition as a plain list: which source offsets above the mark hold a mirrored record, one boolean each. */
export interface Partition {
  readonly index: OffsetIndex
  readonly holds: readonly boolean[]
  /** Source and target offset of each mirrored record, by listing them one by one. */
  readonly records: readonly { readonly source: bigint; readonly target: bigint }[]
}

/**
 * `overshoot`: padding went wrong at the first record from this place on (identical only): so many markers too many stand before it.
 */
export const partitionOf = (
  mark: Mark,
  holds: readonly boolean[],
  overshoot?: { readonly place: number; readonly by: bigint },
): Partition => {
  const gaps = new GapList()
  const records: { source: bigint; target: bigint }[] = []
  let diverged: Divergence | null = null
  for (const [i, held] of holds.entries()) {
    const source = mark.sourceStart + BigInt(i)
    if (!held) {
      gaps.append(Number(source), Number(source) + 1)
      continue
    }
    if (overshoot !== undefined && diverged === null && i >= overshoot.place) {
      const target = (source + overshoot.by) as TargetOffset
      diverged = { source: source as SourceOffset, target }
    }
    const last = records.at(-1)
    const target =
      mark.mode === 'dense'
        ? mark.targetStart + BigInt(records.length)
        : diverged === null
          ? source
          : diverged.source === source
            ? diverged.target
            : last!.target + 1n
    records.push({ source, target })
  }
  const mirroredTo = (mark.sourceStart + BigInt(holds.length)) as SourceOffset
  return { index: { mark, gaps, mirroredTo, diverged }, holds, records }
}

/** Partitions with random gaps, of both modes, some diverged. */
export const partitions: fc.Arbitrary<Partition> = fc
  .record({
    mode: fc.constantFrom('identical' as const, 'dense' as const),
    sourceStart: fc.bigInt(0n, 50n),
    targetStart: fc.bigInt(0n, 50n),
    holds: fc.array(fc.boolean(), { maxLength: 60 }),
    overshoot: fc.option(fc.record({ place: fc.nat(60), by: fc.bigInt(1n, 5n) }), {
      nil: undefined,
    }),
  })
  .map(({ mode, sourceStart, targetStart, holds, overshoot }) =>
    mode === 'identical'
      ? partitionOf(markAt(mode, sourceStart), holds, overshoot)
      : partitionOf(markAt(mode, sourceStart, targetStart), holds),
  )
