import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import type { Invariant } from '../domain/plan.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'

/**
 * What of a plan's invariants no longer holds, in one batched reading. A partition that was marked meanwhile is left out: from its mark
 * on the mirror itself watches the source log start, and what it has copied may expire.
 */
export const checkInvariants = async (
  invariants: readonly Invariant[],
  state: MigrationState,
  source: Cluster,
): Promise<readonly Diagnostic[]> => {
  const marked = new Set(state.marks.map((mark) => `${mark.topic}:${mark.partition}`))
  const open = invariants.filter(({ check }) => !marked.has(check.partition))
  if (open.length === 0) return []
  const keys = [...new Set(open.map(({ check }) => check.partition as PartitionKey))]
  const starts = await source.listOffsets(keys.map(parsePartitionKey), 'earliest')
  return open.flatMap(({ check }) => {
    const key = check.partition as PartitionKey
    const start = starts.ok.get(key)
    if (start === undefined) return [starts.failed.get(key) ?? unanswered(key, source)]
    return start <= BigInt(check.offset) ? [] : [passed(key, start, check.offset, source)]
  })
}

const passed = (key: string, start: bigint, offset: string, source: Cluster): Diagnostic =>
  diagnostic({
    code: 'FERRY1410',
    detail: `${source.name} holds ${key} from ${start} on; the plan counts on ${offset}. The records from ${offset} to ${start - 1n} are gone.`,
    fix: 'Make a new plan. If these records are needed, find out what deleted them first.',
  })

const unanswered = (key: string, source: Cluster): Diagnostic =>
  diagnostic({
    code: 'FERRY1410',
    detail: `${source.name} did not say where ${key} starts, so nothing proves that it still holds what the plan counts on.`,
    fix: 'See whether the topic still exists on the source, then plan again.',
  })
