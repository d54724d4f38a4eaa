import fc from 'fast-check'
import type { ClusterId, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { Gap, OffsetIndex } from '../../src/domain/offset-index.ts'

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

export const partitionOf = (mark: Mark, holds: readonly boolean[]): Partition => {
  const gaps: Gap[] = []
  const records: { source: bigint; target: bigint }[] = []
  for (const [i, held] of holds.entries()) {
    const source = mark.sourceStart + BigInt(i)
    if (held) {
      const target = mark.mode === 'identical' ? source : mark.targetStart + BigInt(records.length)
      records.push({ source, target })
      continue
    }
    const last = gaps.at(-1)
    const to = (source + 1n) as SourceOffset
    if (last?.to === source) gaps[gaps.length - 1] = { from: last.from, to }
    else gaps.push({ from: source as SourceOffset, to })
  }
  const mirroredTo = (mark.sourceStart + BigInt(holds.length)) as SourceOffset
  return { index: { mark, gaps, mirroredTo }, holds, records }
}

/** Partitions with random gaps, of both modes. */
export const partitions: fc.Arbitrary<Partition> = fc
  .record({
    mode: fc.constantFrom('identical' as const, 'dense' as const),
    sourceStart: fc.bigInt(0n, 50n),
    targetStart: fc.bigInt(0n, 50n),
    holds: fc.array(fc.boolean(), { maxLength: 60 }),
  })
  .map(({ mode, sourceStart, targetStart, holds }) =>
    partitionOf(markAt(mode, sourceStart, mode === 'identical' ? sourceStart : targetStart), holds),
  )
