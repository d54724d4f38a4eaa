import { aclKey } from '../domain/access.ts'
import { canonicalJson, sha256 } from '../domain/canonical-json.ts'
import type { Migration } from '../domain/migration.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Observed, ObservedSide } from './observed.ts'
import { overrides } from './topic-configs.ts'

/**
 * What must be the same when a plan is applied as when it was shown, in named parts so that a refusal says which changed.
 * Nothing that moves while records flow is in it.
 */
export const fingerprint = (
  desired: Migration,
  observed: Observed,
  state: MigrationState,
): Readonly<Record<string, string>> => {
  const parts: Record<string, unknown> = {
    'cluster ids': [observed.source.id, observed.target.id],
    'decisions in the state': [state.lineage, state.serial],
    'ACLs on the target': relevantAcls(desired, observed.target),
    'users on the target': desired.users.map((u) => [
      u.name,
      [...(observed.target.users.get(u.name) ?? [])].sort(),
    ]),
    'quotas on the target': desired.quotas.map((q) => [
      q.user,
      observed.target.quotas.get(q.user) ?? null,
    ]),
  }
  for (const topic of desired.topics) {
    parts[`topic ${topic.name} on the source`] = topicFacts(observed.source, topic.name)
    parts[`topic ${topic.name} on the target`] = topicFacts(observed.target, topic.name)
  }
  for (const group of desired.groups) {
    parts[`group ${group.id} on the source`] = exists(observed.source, group.id)
  }
  return Object.fromEntries(
    Object.entries(parts).map(([name, value]) => [name, sha256(canonicalJson(value)).slice(0, 16)]),
  )
}

/** The names of the parts that differ, sorted. */
export const changedParts = (
  planned: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] =>
  [...new Set([...Object.keys(planned), ...Object.keys(now)])]
    .filter((part) => planned[part] !== now[part])
    .sort()

const topicFacts = (side: ObservedSide, name: Migration['topics'][number]['name']): unknown => {
  const topic = side.topics.get(name)
  if (!topic) return 'absent'
  return {
    topicId: topic.description.topicId ?? null,
    partitions: topic.description.partitions.length,
    overrides: [...overrides(topic)].sort(),
  }
}

const exists = (side: ObservedSide, id: Migration['groups'][number]['id']): boolean =>
  (side.groups.get(id)?.description.state ?? 'absent') !== 'absent'

/** Those that touch what the migration manages: an ACL for another team's topic must not make this plan stale. */
export const relevantAcls = (
  desired: Migration,
  target: ObservedSide,
): readonly string[] | 'no-authorizer' | 'not-read' => {
  if (typeof target.acls === 'string') return target.acls
  const names = new Set<string>([
    '*',
    ...desired.topics.map((t) => t.name),
    ...desired.groups.map((g) => g.id),
  ])
  const principals = new Set(desired.access.map((a) => a.principal))
  return target.acls
    .filter(
      (acl) =>
        principals.has(acl.principal) ||
        names.has(acl.resourceName) ||
        (acl.patternType === 'PREFIXED' &&
          [...names].some((name) => name.startsWith(acl.resourceName))),
    )
    .map(aclKey)
    .sort()
}
