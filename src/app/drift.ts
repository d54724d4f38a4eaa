import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type Migration, removedKey } from '../domain/migration.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Clusters } from '../steps/step-kind.ts'
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
  const { plan, observed, state, clusters } = await makePlan(session, migration, options)
  const report = {
    name: migration.name,
    since: state.seen?.at ?? null,
    pending: plan.steps.length,
  }
  const found = await driftSince({ migration, state, clusters }, options)
  if (found === undefined) {
    const problems = state.clusters === null ? [] : [notSeen(migration)]
    return { ...report, drift: [], problems: [...observed.problems, ...problems] }
  }
  return { ...report, ...found }
}

/** The same alone; undefined: there is nothing to compare with. */
export const driftSince = async (
  {
    migration,
    state,
    clusters,
  }: {
    readonly migration: Migration
    readonly state: MigrationState
    readonly clusters: Clusters
  },
  { services, now, signal }: PlanOptions,
): Promise<Pick<DriftReport, 'drift' | 'problems'> | undefined> => {
  const { seen } = state
  const { driftBetween, factsOf, isComparable, stillListed, withManaged } = await import(
    '../planner/index.ts'
  )
  if (seen === null || !isComparable(seen)) return undefined
  const listed = new Set(migration.removed.map(removedKey))
  const removed = (seen.managed.removed ?? []).filter((key) => listed.has(key))
  const managed = { ...seen.managed, removed }
  const users = managed.users.map((user) => ({ ...user, passwordVersion: 0 }))
  const whole = withManaged(migration, { ...managed, users })
  const observed = await services.observe(clusters, whole, now, signal, { meant: false })
  const before = stillListed(seen.facts, removed)
  return {
    drift: driftBetween(before, factsOf(managed, observed, state, migration.order)),
    problems: observed.problems,
  }
}

const notSeen = ({ name }: Migration): Diagnostic =>
  diagnostic({
    code: 'FERRY1430',
    detail: `The last apply of ${name} was killed before it could write down what it left, or an older version wrote it down in another way, so there is nothing to compare with.`,
    fix: `Run \`ferry apply ${name}\` to its end; what changes after that is seen.`,
  })
