import { type AclBinding, covers, type Operation } from '../domain/access.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { GroupId, TopicName } from '../domain/ids.ts'
import type { ClusterSpec } from '../domain/migration.ts'
import type { AuthorizedOperations, Cluster } from '../kafka/cluster.ts'
import { someNames } from '../steps/_words.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'
import { type NeededRight, neededOnSource, neededOnTarget } from './needed-rights.ts'

const CLUSTER = {
  resourceType: 'CLUSTER',
  resourceName: 'kafka-cluster',
  patternType: 'LITERAL',
} as const

/** `unknown`: neither the broker's bits nor the ACLs tell. */
export type Has = 'yes' | 'no' | 'unknown'

export interface JudgedRight extends NeededRight {
  readonly has: Has
}

/** What Ferry's user needs on one cluster, and has. */
export interface SideRights {
  readonly cluster: string
  readonly bootstrapServers: readonly string[]
  /** As ACLs name the user; undefined where only the broker knows it (a client certificate). */
  readonly principal: string | undefined
  /** False: the cluster checks no ACLs, and everybody may do everything. */
  readonly checksAcls: boolean
  readonly rights: readonly JudgedRight[]
}

export interface MigrationRights {
  readonly migration: string
  readonly source: SideRights
  readonly target: SideRights
}

/** What one cluster says of the rights of the connected user. */
export interface RightsSeen {
  readonly acls: readonly AclBinding[] | 'no-authorizer' | 'not-read'
  readonly cluster: AuthorizedOperations | undefined
  readonly topics: ReadonlyMap<string, AuthorizedOperations>
  /** What the broker refused when it was asked. */
  readonly refused: readonly Pick<NeededRight, 'operation' | 'resourceType' | 'resourceName'>[]
  /** The groups whose positions it answered, which takes DESCRIBE on each (KafkaApis.handleOffsetFetchRequest). */
  readonly answeredGroups: ReadonlySet<string>
}

export const readRights = async (facts: MigrationFacts): Promise<MigrationRights> => {
  const { migration, project, source, target } = facts
  const [onSource, onTarget] = await Promise.all([
    readSide(
      source,
      neededOnSource(migration, project, (api) => source.cluster.supports(api)),
    ),
    readSide(target, neededOnTarget(migration, project)),
  ])
  return { migration: migration.name, source: onSource, target: onTarget }
}

const readSide = async (
  { spec, cluster }: MigrationFacts['source'],
  needed: readonly NeededRight[],
): Promise<SideRights> => {
  const principal = principalOf(spec)
  const seen = await see(cluster, needed)
  return {
    cluster: spec.name,
    bootstrapServers: spec.bootstrapServers,
    principal,
    checksAcls: seen.acls !== 'no-authorizer',
    rights: needed.map((right) => ({ ...right, has: judgeAny(right, principal, seen) })),
  }
}

const see = async (cluster: Cluster, needed: readonly NeededRight[]): Promise<RightsSeen> => {
  const named = (type: NeededRight['resourceType']): readonly string[] => [
    ...new Set(needed.filter((n) => n.resourceType === type).map((n) => n.resourceName)),
  ]
  const description = await cluster.describeCluster()
  const [acls, configs, topics, groups] = await Promise.all([
    // What has no API for it may check ACLs all the same.
    cluster.supports('DescribeAcls') === undefined
      ? ('failed' as const)
      : unlessRefused(() => cluster.describeAcls()),
    unlessRefused(() => cluster.describeBrokerConfigs(description.brokers[0]!.nodeId)),
    cluster.describeTopics(named('TOPIC') as readonly TopicName[]),
    cluster.lookAtCommits(named('GROUP') as readonly GroupId[]),
  ])
  const operations = new Map<string, AuthorizedOperations>()
  for (const [name, topic] of topics.ok) {
    if (topic !== 'absent' && topic.authorized) operations.set(name, topic.authorized)
  }
  return {
    acls: acls === 'failed' || acls === 'refused' ? 'not-read' : acls,
    cluster: description.authorized,
    topics: operations,
    refused: [
      ...(acls === 'refused' ? [{ operation: 'DESCRIBE' as const, ...CLUSTER }] : []),
      ...(configs === 'refused' ? [{ operation: 'DESCRIBE_CONFIGS' as const, ...CLUSTER }] : []),
      ...refusedAmong(topics.failed, 'TOPIC'),
      ...refusedAmong(groups.failed, 'GROUP'),
    ],
    answeredGroups: new Set(groups.ok.keys()),
  }
}

const refusedAmong = (
  failed: ReadonlyMap<string, Diagnostic>,
  resourceType: 'TOPIC' | 'GROUP',
): RightsSeen['refused'] =>
  [...failed]
    .filter(([, problem]) => problem.code === MISSING_RIGHT)
    .map(([resourceName]) => ({ operation: 'DESCRIBE' as const, resourceType, resourceName }))

const MISSING_RIGHT = 'FERRY1207'

const unlessRefused = async <T>(read: () => Promise<T>): Promise<T | 'refused' | 'failed'> => {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    return error.diagnostics[0]?.code === MISSING_RIGHT ? 'refused' : 'failed'
  }
}

/** `User:ferry` with SASL, `User:ANONYMOUS` without any login (KafkaPrincipal.java). */
export const principalOf = (spec: ClusterSpec): string | undefined => {
  if (spec.sasl) return `User:${spec.sasl.username}`
  return spec.tls?.cert === undefined ? 'User:ANONYMOUS' : undefined
}

/** Operations that follow from others (AclAuthorizer, StandardAuthorizer). */
const IMPLIED_BY: Readonly<Partial<Record<Operation, readonly Operation[]>>> = {
  DESCRIBE: ['READ', 'WRITE', 'DELETE', 'ALTER'],
  DESCRIBE_CONFIGS: ['ALTER_CONFIGS'],
}

/**
 * 1. No authorizer: everything is allowed.
 * 2. The broker's own word on a resource that exists.
 * 3. What the broker refused when it was asked.
 * 4. The ACLs, where they can be read: an ALLOW and no DENY. What they do not grant a super user may do all the same.
 */
export const judge = (right: NeededRight, principal: string | undefined, seen: RightsSeen): Has => {
  if (seen.acls === 'no-authorizer') return 'yes'
  const said = saidBy(right, seen)
  if (said !== undefined) return said.has(right.operation) ? 'yes' : 'no'
  if (seen.refused.some((refused) => wouldHaveSufficed(right, refused))) return 'no'
  if (right.operation === 'CREATE' && seen.cluster?.has('CREATE')) return 'yes'
  const { operation, resourceType, resourceName } = right
  const isOfGroup = resourceType === 'GROUP' && operation === 'DESCRIBE'
  if (isOfGroup && seen.answeredGroups.has(resourceName)) return 'yes'
  if (seen.acls === 'not-read' || principal === undefined) return 'unknown'
  if (granted(right, principal, seen.acls)) return 'yes'
  return isAboveAcls(right, principal, seen, seen.acls) ? 'yes' : 'no'
}

/** The best of what is said of a right, and of those that do as well. */
const judgeAny = (right: NeededRight, principal: string | undefined, seen: RightsSeen): Has => {
  const all = [right.operation, ...(right.instead ?? [])].map((operation) =>
    judge({ ...right, operation }, principal, seen),
  )
  return all.includes('yes') ? 'yes' : all.includes('unknown') ? 'unknown' : 'no'
}

/** Whoever is refused one operation has none of those that it follows from. */
const wouldHaveSufficed = (
  right: NeededRight,
  { operation, resourceType, resourceName }: RightsSeen['refused'][number],
): boolean =>
  right.resourceType === resourceType &&
  right.resourceName === resourceName &&
  (right.operation === operation || (IMPLIED_BY[operation] ?? []).includes(right.operation))

/** A topic that does not exist yet tells nothing, and groups never do. CREATE is not among the bits of a topic that exists. */
const saidBy = (right: NeededRight, seen: RightsSeen): AuthorizedOperations | undefined => {
  if (right.resourceType === 'CLUSTER') return seen.cluster
  if (right.resourceType !== 'TOPIC') return undefined
  const said = seen.topics.get(right.resourceName)
  return said !== undefined && right.operation === 'CREATE' ? new Set(['CREATE']) : said
}

/** A prefix is needed whole: a literal ACL of the same text is another thing. */
const coversAll = (
  acl: AclBinding,
  { resourceName, patternType }: Pick<NeededRight, 'resourceName' | 'patternType'>,
): boolean =>
  covers(acl, resourceName) &&
  (patternType === 'LITERAL' || acl.patternType === 'PREFIXED' || acl.resourceName === '*')

const granted = (
  right: Pick<NeededRight, 'operation' | 'resourceType' | 'resourceName' | 'patternType'>,
  principal: string,
  acls: readonly AclBinding[],
): boolean => {
  const touching = acls.filter(
    (acl) =>
      acl.resourceType === right.resourceType &&
      coversAll(acl, right) &&
      (acl.principal === principal || acl.principal === 'User:*'),
  )
  const denies = touching.some(
    (acl) =>
      acl.permission === 'DENY' && (acl.operation === right.operation || acl.operation === 'ALL'),
  )
  const enough = [right.operation, 'ALL', ...(IMPLIED_BY[right.operation] ?? [])]
  return (
    !denies &&
    touching.some(
      (acl) => acl.permission === 'ALLOW' && acl.host === '*' && enough.includes(acl.operation),
    )
  )
}

/**
 * The broker allows more on the cluster, or on a topic, than the ACLs grant: a super user, whom ACLs do not concern; or
 * `allow.everyone.if.no.acl.found`, which only opens what no ACL names.
 */
const isAboveAcls = (
  right: NeededRight,
  principal: string,
  seen: Pick<RightsSeen, 'cluster' | 'topics'>,
  acls: readonly AclBinding[],
): boolean => {
  type Resource = Pick<NeededRight, 'resourceType' | 'resourceName'>
  const named = ({ resourceType, resourceName }: Resource) =>
    acls.some((acl) => acl.resourceType === resourceType && covers(acl, resourceName))
  // From which host this machine connects is not known here: what one host may, it may, and what one may not, it may all the same.
  const fromAnywhere = acls.flatMap((acl) =>
    acl.permission === 'DENY' && acl.host !== '*' ? [] : [{ ...acl, host: '*' }],
  )
  const mayMore = (on: Resource, allowed: AuthorizedOperations = new Set()) =>
    [...allowed].some(
      (operation) =>
        !granted({ ...on, operation, patternType: 'LITERAL' }, principal, fromAnywhere),
    )
  const onCluster = mayMore(CLUSTER, seen.cluster)
  if (onCluster && (named(CLUSTER) || !named(right))) return true
  return [...seen.topics].some(([resourceName, allowed]) => {
    const topic = { resourceType: 'TOPIC', resourceName } as const
    return named(topic) && mayMore(topic, allowed)
  })
}

/** Everything the verbs need on both clusters. What cannot be seen is said, and fails nothing. */
export const rightsSuffice = (rights: MigrationRights): Finding => {
  const sides = [rights.source, rights.target]
  return {
    says: sides.map(sideSays).join('; '),
    problems: sides.flatMap((side) => missingOn(side, rights.migration)),
  }
}

/** One problem for each resource. */
const missingOn = ({ cluster, rights }: SideRights, migration: string): readonly Diagnostic[] => {
  const missing = new Map<string, NeededRight[]>()
  const fix = `\`ferry doctor ${migration} --print-acls\` prints the commands for an administrator.`
  const lost = rights.filter(({ has }) => has === 'no')
  for (const right of lost.filter(({ without }) => without === undefined)) {
    const what = inWords(right)
    const list = missing.get(what)
    if (list) list.push(right)
    else missing.set(what, [right])
  }
  const needed = [...missing].map(([what, lacking]) => {
    const verbs = [...new Set(lacking.flatMap((each) => each.verbs))]
    return diagnostic({
      code: 'FERRY1307',
      detail: `Ferry's user on ${cluster} lacks ${lacking.map(({ operation }) => operation).join(', ')} on ${what}; needed by ${verbs.join(', ')}.`,
      fix,
    })
  })
  const useful = lost.flatMap(({ without, instead = [], operation, ...right }) =>
    without === undefined
      ? []
      : [
          diagnostic({
            code: 'FERRY1307',
            severity: 'warning',
            detail: `Ferry's user on ${cluster} lacks ${[operation, ...instead].join(' or ')} on ${inWords(right)}. Without it ${without}.`,
            fix,
          }),
        ],
  )
  return [...needed, ...useful, ...notSeenOn(rights, cluster, migration)]
}

/** One question for all that a user needs and nobody tells. */
const notSeenOn = (
  rights: SideRights['rights'],
  cluster: string,
  migration: string,
): readonly Diagnostic[] => {
  const unseen = rights.filter(({ has, without }) => has === 'unknown' && without === undefined)
  if (unseen.length === 0) return []
  const some = someNames(unseen.map((right) => `${right.operation} on ${inWords(right)}`))
  return [
    diagnostic({
      code: 'FERRY2003',
      severity: 'warning',
      detail: `Whether Ferry's user on ${cluster} has what it needs cannot be seen: ${some}. What is missing is found when it is used.`,
      fix: `Ask the operators; \`ferry doctor ${migration} --print-acls\` prints what is needed.`,
    }),
  ]
}

const inWords = ({ resourceType, resourceName }: Omit<NeededRight, 'operation'>): string =>
  resourceType === 'CLUSTER' ? 'the cluster' : `${resourceType.toLowerCase()} ${resourceName}`

const sideSays = ({ cluster, checksAcls, rights }: SideRights): string => {
  if (!checksAcls) return `${cluster} checks no ACLs`
  const having = (has: Has): number => rights.filter((each) => each.has === has).length
  const unknown = having('unknown')
  return `${having('yes')} of ${rights.length} on ${cluster}${unknown > 0 ? `, ${unknown} cannot be seen` : ''}`
}
