import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Migration } from '../domain/migration.ts'
import type { DriftReport } from '../views/drift.ts'
import { makePlan, type PlanOptions } from './make-plan.ts'
import type { Session } from './open-session.ts'

/**
 * What changed outside of Ferry since the last apply of a migration, and apart from it how much a plan would change now. Read-only.
 */
export const driftOf = async (
  session: Session,
  migration: Migration,
  options: PlanOptions,
): Promise<DriftReport> => {
  const { driftBetween, factsOf, withState } = await import('../planner/index.ts')
  const { plan, observed, state } = await makePlan(session, migration, options)
  const { seen } = state
  const problems: readonly Diagnostic[] = [
    ...observed.problems,
    ...(seen === null && state.clusters !== null ? [notSeen(migration)] : []),
  ]
  const drift =
    seen === null
      ? []
      : driftBetween(seen.facts, factsOf(withState(migration, state), observed, state))
  return {
    name: migration.name,
    since: seen?.at ?? null,
    drift,
    pending: plan.steps.length,
    problems,
  }
}

const notSeen = ({ name }: Migration): Diagnostic =>
  diagnostic({
    code: 'FERRY1430',
    detail: `The last apply of ${name} was killed before it could write down what it left, so there is nothing to compare with.`,
    fix: `Run \`ferry apply ${name}\` to its end; what changes after that is seen.`,
  })
