import { type AclBinding, covers } from '../domain/access.ts'
import type { TopicName } from '../domain/ids.ts'
import type { ObservedSide } from './observed.ts'
import { effective } from './topic-configs.ts'

/**
 * Who but Ferry could write to a topic of the target, as far as ACLs tell. `unfenced` says why ACLs say nothing there; then base
 * offsets alone guard the mirror. Super users and Ferry's own principal cannot be seen from outside a broker that hides its config.
 */
export interface WriteFence {
  readonly writers: readonly string[]
  readonly unfenced: string | null
}

const writes = (acl: AclBinding): boolean => acl.operation === 'WRITE' || acl.operation === 'ALL'

interface TopicAcls {
  readonly byName: ReadonlyMap<string, readonly AclBinding[]>
  /** Of prefixes, and of all topics. */
  readonly wide: readonly AclBinding[]
}

/** Every topic asks, of thousands of ACLs: they are sorted once. */
const SORTED = new WeakMap<readonly AclBinding[], TopicAcls>()

const sorted = (acls: readonly AclBinding[]): TopicAcls => {
  const byName = new Map<string, AclBinding[]>()
  const wide: AclBinding[] = []
  for (const acl of acls) {
    if (acl.resourceType !== 'TOPIC') continue
    const list = byName.get(acl.resourceName)
    if (acl.patternType !== 'LITERAL' || acl.resourceName === '*') wide.push(acl)
    else if (list === undefined) byName.set(acl.resourceName, [acl])
    else list.push(acl)
  }
  return { byName, wide }
}

const aclsOn = (acls: readonly AclBinding[], topic: TopicName): readonly AclBinding[] => {
  const known = SORTED.get(acls) ?? sorted(acls)
  SORTED.set(acls, known)
  return [...(known.byName.get(topic) ?? []), ...known.wide.filter((acl) => covers(acl, topic))]
}

/** Rules of StandardAuthorizer: DENY wins; a resource without any ACL is open only if `allow.everyone.if.no.acl.found`. */
export const writeFence = (target: ObservedSide, topic: TopicName): WriteFence => {
  const { acls } = target
  if (acls === 'no-authorizer') return { writers: [], unfenced: 'the target has no authorizer' }
  if (acls === 'not-read')
    return { writers: [], unfenced: 'the ACLs of the target could not be read' }
  const touching = aclsOn(acls, topic)
  const openToAll =
    target.brokerConfigs.get('allow.everyone.if.no.acl.found')?.value === 'true' &&
    touching.length === 0
  const deniedToAll = touching.some(
    (acl) =>
      acl.permission === 'DENY' && writes(acl) && acl.principal === 'User:*' && acl.host === '*',
  )
  const denied = new Set(
    touching
      .filter((acl) => acl.permission === 'DENY' && writes(acl) && acl.host === '*')
      .map((acl) => acl.principal),
  )
  const writers = deniedToAll
    ? []
    : touching
        .filter((acl) => acl.permission === 'ALLOW' && writes(acl) && !denied.has(acl.principal))
        .map((acl) => acl.principal)
  return {
    writers: [...new Set(writers)].sort(),
    unfenced: openToAll ? 'allow.everyone.if.no.acl.found is on and the topic has no ACL' : null,
  }
}

/** Whether the target topic would lose acknowledged records where a careful one would not. */
export const durabilityRisks = (
  target: ObservedSide,
  topic: TopicName,
  replicationFactor: number,
  minInsync: number,
): readonly string[] => {
  const risks: string[] = []
  if (replicationFactor > 0 && replicationFactor < 3)
    risks.push(`replication factor ${replicationFactor}`)
  if (minInsync < 2) risks.push(`min.insync.replicas ${minInsync}`)
  const unclean =
    effective(target.topics.get(topic), 'unclean.leader.election.enable') ??
    target.brokerConfigs.get('unclean.leader.election.enable')?.value
  if (unclean === 'true') risks.push('unclean leader election on')
  return risks
}
