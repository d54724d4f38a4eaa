import { checkedToOf } from './how-far.ts'
import type { PartitionReport } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'

/** How a partition is, for whoever looks at the mirror from outside. `lockWaitsFor`: why the lock is not there yet, where that is known. */
export const reportOf = (
  p: MirroredPartition,
  lockWaitsFor: string | undefined,
): PartitionReport => {
  const next = p.offsets.sourceOf(checkedToOf(p))
  const waitsFor = p.waitsFor === 'the lock' ? (lockWaitsFor ?? p.waitsFor) : p.waitsFor
  return {
    migration: p.migration,
    key: p.key,
    topic: p.topic,
    partition: p.partition,
    ...(p.mark.way && { way: p.mark.way }),
    state: p.state,
    ...(p.state === 'waiting' && { waitsFor }),
    next,
    lag: Math.max(0, p.sourceEnd - next),
    records: p.numbers.records,
    bytes: p.numbers.bytes,
    errors: p.numbers.errors,
    ...(p.problem !== undefined && { problem: p.problem }),
    ...(p.offsets.diverged !== null && { divergedAt: Number(p.offsets.diverged.source) }),
  }
}
