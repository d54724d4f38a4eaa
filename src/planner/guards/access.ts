import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import type { Migration } from '../../domain/migration.ts'
import type { PlanContext } from '../../steps/step-kind.ts'

export const accessGuards = ({ desired, observed }: PlanContext): readonly Diagnostic[] => {
  const found: Diagnostic[] = []
  const { target } = observed
  const first = desired.access[0]
  if (first && target.acls === 'no-authorizer') {
    found.push(
      diagnostic({
        code: 'FERRY1311',
        detail: `The file lists access, but ${target.name} checks no ACLs.`,
        fix: 'Take `access` out of the file, or turn on an authorizer on the target.',
        at: first.at,
      }),
    )
  }
  found.push(...rightsGuards(desired, observed.target, first !== undefined))
  return found
}

/** Rights of Ferry's user on the target, as far as the broker tells them. Topics' own rights are checked where the topic exists. */
const rightsGuards = (
  desired: Migration,
  target: PlanContext['observed']['target'],
  managesAcls: boolean,
): readonly Diagnostic[] => {
  const has = (set: ReadonlySet<string> | undefined, right: string): boolean =>
    set === undefined || set.has(right) || set.has('ALL')
  const missing: string[] = []
  const cluster = target.cluster.authorized
  // CREATE may also be granted on the topic's name; only a dry creation can tell, and plan asks for one.
  if ((managesAcls || desired.users.length > 0) && !has(cluster, 'ALTER')) {
    missing.push('ALTER on the cluster (users and ACLs)')
  }
  for (const spec of desired.topics) {
    const rights = target.topics.get(spec.name)?.description.authorized
    for (const right of ['READ', 'WRITE', 'ALTER_CONFIGS']) {
      if (!has(rights, right)) missing.push(`${right} on topic ${spec.name}`)
    }
  }
  return missing.map((what) =>
    diagnostic({
      code: 'FERRY1307',
      detail: `Ferry's user on ${target.name} lacks ${what}.`,
      fix: 'Grant it on the target, then plan again.',
    }),
  )
}
