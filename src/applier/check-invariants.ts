import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Invariant } from '../domain/plan.ts'
import { SOURCE_HOLDS } from '../steps/gates/index.ts'
import { partitionsNow } from '../steps/partitions-now.ts'
import type { Run } from '../steps/step-kind.ts'

/**
 * What of a plan's invariants no longer holds, read in a few batched requests: the source must still hold what is left to copy of each
 * marked partition. One that was sealed meanwhile has nothing left.
 */
export const checkInvariants = async (
  invariants: readonly Invariant[],
  run: Pick<Run, 'clusters' | 'store' | 'migration' | 'state'>,
): Promise<readonly Diagnostic[]> => {
  if (invariants.length === 0) return []
  const now = await partitionsNow(
    run,
    invariants.map(({ check }) => check.topic),
  )
  const of = { source: run.clusters.source.name }
  return [...now.values()].flatMap((partition) => {
    const reading = SOURCE_HOLDS.judge(partition, of)
    return reading.holds ? [] : [gone(reading.because, run.migration.name)]
  })
}

const gone = (because: string, migration: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1410',
    detail: `${because}.`,
    fix: `The mirror stops there; \`ferry status ${migration}\` has the range. Mirror the topic anew (\`ferry resync ${migration}\`), or go on without what is gone (\`--accept-gap\`).`,
  })
