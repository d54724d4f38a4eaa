import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type Migration, removedKey } from '../domain/migration.ts'
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
  const made = await makePlan(session, migration, options)
  const { seen, clusters } = made.state
  const since = { name: migration.name, since: seen?.at ?? null, pending: made.plan.steps.length }
  const { driftBetween, factsOf, isComparable, stillListed, withManaged } = await import(
    '../planner/index.ts'
  )
  if (seen === null || !isComparable(seen)) {
    const problems = clusters === null ? [] : [notSeen(migration)]
    return { ...since, drift: [], problems: [...made.observed.problems, ...problems] }
  }
  const listed = new Set(migration.removed.map(removedKey))
  const removed = (seen.managed.removed ?? []).filter((key) => listed.has(key))
  const managed = { ...seen.managed, removed }
  const users = managed.users.map((user) => ({ ...user, passwordVersion: 0 }))
  const whole = withManaged(migration, { ...managed, users })
  const { services, now, signal } = options
  const observed = await services.observe(made.clusters, whole, now, signal)
  const before = stillListed(seen.facts, removed)
  const drift = driftBetween(before, factsOf(managed, observed, made.state))
  return { ...since, drift, problems: observed.problems }
}

const notSeen = ({ name }: Migration): Diagnostic =>
  diagnostic({
    code: 'FERRY1430',
    detail: `The last apply of ${name} was killed before it could write down what it left, or an older version wrote it down in another way, so there is nothing to compare with.`,
    fix: `Run \`ferry apply ${name}\` to its end; what changes after that is seen.`,
  })
