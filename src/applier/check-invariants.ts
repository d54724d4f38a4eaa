import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { parsePartitionKey } from '../domain/ids.ts'
import type { Invariant } from '../domain/plan.ts'
import { type PartitionNow, partitionsNow } from '../steps/partitions-now.ts'
import type { Run } from '../steps/step-kind.ts'

/**
 * What of a plan's invariants no longer holds, read in a few batched requests: the source must still hold what is left to copy of each
 * partition. One that was sealed meanwhile has nothing left.
 */
export const checkInvariants = async (
  invariants: readonly Invariant[],
  run: Pick<Run, 'clusters' | 'store' | 'migration' | 'state'>,
): Promise<readonly Diagnostic[]> => {
  if (invariants.length === 0) return []
  const topics = new Set(invariants.map(({ check }) => parsePartitionKey(check.partition).topic))
  const now = await partitionsNow(run, [...topics])
  return invariants.flatMap(({ check }) => {
    const partition = now.get(check.partition)
    if (partition === undefined || partition.seal !== undefined) return []
    return partition.sourceStart > partition.index.mirroredTo ? [passed(partition, run)] : []
  })
}

const passed = (
  { key, sourceStart, index }: PartitionNow,
  { clusters }: Pick<Run, 'clusters'>,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1410',
    detail: `${clusters.source.name} holds ${key} from ${sourceStart} on, but the mirror needs it from ${index.mirroredTo} on: ${index.mirroredTo} to ${sourceStart - 1n} are gone.`,
    fix: 'Make a new plan; it says what is lost and what the ways on are.',
  })
