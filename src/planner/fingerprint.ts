import { aclKey } from '../domain/access.ts'
import { canonicalJson, sha256 } from '../domain/canonical-json.ts'
import type { Managed } from '../domain/drift.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Migration, ScramMechanism } from '../domain/migration.ts'
import type { MigrationState } from '../domain/state.ts'
import { managedOf } from './managed.ts'
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
  const { source, target } = observed
  const parts: Record<string, string> = {}
  const put = (name: string, value: unknown): void => {
    parts[name] = digestOfPart(value)
  }
  put('cluster ids', [source.id, target.id])
  put(DECISIONS, [state.lineage, state.serial])
  for (const [key, { fixed }] of observed.removed ?? []) put(`removed ${key}`, fixed)
  const acls = relevantAcls(managedOf(desired), target)
  if (typeof acls === 'string') put('ACLs on the target', acls)
  else for (const acl of acls) put(aclPart(acl), 'there')
  for (const { name } of desired.users) {
    put(`user ${name} on the target`, mechanismsPart(target.users.get(name) ?? []))
  }
  for (const { user } of desired.quotas) {
    put(`quota of ${user} on the target`, target.quotas.get(user) ?? null)
  }
  for (const { name } of desired.topics) {
    putTopic(put, source, name, 'source')
    putTopic(put, target, name, 'target')
  }
  // Others that read the topics, too: one that came since was in nobody's review.
  for (const { id } of source.coverage?.groups ?? []) put(`group ${id} on the source`, true)
  for (const { id } of desired.groups) put(`group ${id} on the source`, exists(source, id))
  return parts
}

export const DECISIONS = 'decisions in the state'

export const digestOfPart = (value: unknown): string => sha256(canonicalJson(value)).slice(0, 16)

/** The part of an ACL, by {@link aclKey}. */
export const aclPart = (key: string): string => `ACL ${key} on the target`

/** Of a user. */
export const mechanismsPart = (mechanisms: Iterable<ScramMechanism>) => [...mechanisms].sort()

/** Of a topic. */
export const configsPart = (configs: ReadonlyMap<string, string>) => [...configs].sort()

/** The names of the parts that differ, sorted. */
export const changedParts = (
  planned: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] =>
  withoutDetails(
    [...new Set([...Object.keys(planned), ...Object.keys(now)])]
      .filter((part) => planned[part] !== now[part])
      .sort(),
  )

const DETAIL = /^(?:partitions|configs) of /

/** Of a topic that came, went or is another one, all the rest changed too. */
export const withoutDetails = (changed: readonly string[]): readonly string[] => {
  const all = new Set(changed)
  return changed.filter((part) => !DETAIL.test(part) || !all.has(part.replace(DETAIL, '')))
}

const putTopic = (
  put: (name: string, value: unknown) => void,
  side: ObservedSide,
  name: TopicName,
  where: 'source' | 'target',
): void => {
  const of = `topic ${name} on the ${where}`
  const topic = side.topics.get(name)
  put(of, topic === undefined ? 'absent' : (topic.description.topicId ?? 'there'))
  if (topic === undefined) return
  put(`partitions of ${of}`, topic.description.partitions.length)
  put(`configs of ${of}`, configsPart(overrides(topic)))
}

const exists = (side: ObservedSide, id: Migration['groups'][number]['id']): boolean =>
  (side.groups.get(id)?.description.state ?? 'absent') !== 'absent'

/** Those that touch what the migration manages: an ACL for another team's topic must not make this plan stale. */
export const relevantAcls = (
  managed: Pick<Managed, 'topics' | 'groups' | 'principals'>,
  target: ObservedSide,
): readonly string[] | 'no-authorizer' | 'not-read' => {
  if (typeof target.acls === 'string') return target.acls
  const named: readonly string[] = ['*', ...managed.topics, ...managed.groups]
  const names = new Set(named)
  const principals = new Set(managed.principals)
  return target.acls
    .filter(
      (acl) =>
        principals.has(acl.principal) ||
        names.has(acl.resourceName) ||
        (acl.patternType === 'PREFIXED' && named.some((name) => name.startsWith(acl.resourceName))),
    )
    .map(aclKey)
    .sort()
}
