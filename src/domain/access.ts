/** ACLs in Kafka's own words (org.apache.kafka.common.acl and .resource). */

export const RESOURCE_TYPES = [
  'TOPIC',
  'GROUP',
  'CLUSTER',
  'TRANSACTIONAL_ID',
  'DELEGATION_TOKEN',
  'USER',
] as const
export type ResourceType = (typeof RESOURCE_TYPES)[number]
export const PATTERN_TYPES = ['LITERAL', 'PREFIXED'] as const
export type PatternType = (typeof PATTERN_TYPES)[number]
export const OPERATIONS = [
  'ALL',
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
  'CREATE_TOKENS',
  'DESCRIBE_TOKENS',
  'TWO_PHASE_COMMIT',
] as const
export type Operation = (typeof OPERATIONS)[number]

export interface AclBinding {
  readonly resourceType: ResourceType
  readonly resourceName: string
  readonly patternType: PatternType
  /** `User:name`; `User:*` is everybody. */
  readonly principal: string
  /** `*` is every host. */
  readonly host: string
  readonly operation: Operation
  readonly permission: 'ALLOW' | 'DENY'
}

/** One line per binding, stable: sorts, compares and serves as a set key. */
export const aclKey = (acl: AclBinding): string =>
  [
    acl.resourceType,
    acl.patternType,
    acl.resourceName,
    acl.principal,
    acl.host,
    acl.operation,
    acl.permission,
  ].join('|')

/** Whether one of these grants or denies just the same. */
export const hasAcl = (acls: readonly AclBinding[] | undefined, acl: AclBinding): boolean =>
  acls?.some((each) => aclKey(each) === aclKey(acl)) ?? false

/** `ALLOW WRITE on TOPIC orders` */
export const aclInWords = ({ permission, operation, resourceType, ...acl }: AclBinding): string =>
  `${permission} ${operation} on ${resourceType} ${acl.resourceName}${acl.patternType === 'PREFIXED' ? '*' : ''}` +
  (acl.host === '*' ? '' : ` from ${acl.host}`)

/** True if a pattern covers a name. */
export const covers = (
  pattern: Pick<AclBinding, 'patternType' | 'resourceName'>,
  name: string,
): boolean =>
  pattern.patternType === 'PREFIXED'
    ? name.startsWith(pattern.resourceName)
    : pattern.resourceName === '*' || pattern.resourceName === name

export type When = 'atOnce' | 'afterSync' | 'afterSeal'

/** Operations with which a client can change a topic, or what its records mean, behind the mirror's back. */
const CHANGES_TOPIC: readonly Operation[] = ['WRITE', 'ALL', 'DELETE', 'ALTER', 'ALTER_CONFIGS']
/** Operations with which a client can move a group's position before Ferry wrote it. */
const CHANGES_GROUP: readonly Operation[] = ['READ', 'ALL', 'DELETE']

/** When a binding may be granted (design section 4), and so which stage has granted it. DENY opens nothing, so it never waits. */
export const whenOf = (acl: AclBinding): When => {
  if (acl.permission === 'DENY') return 'atOnce'
  if (acl.resourceType === 'TOPIC' && CHANGES_TOPIC.includes(acl.operation)) return 'afterSeal'
  if (acl.resourceType === 'GROUP' && CHANGES_GROUP.includes(acl.operation)) return 'afterSync'
  // TRANSACTIONAL_ID too: a transaction can neither write a topic nor commit for a group without the rights above, and a
  // service that consumes and produces in transactions needs its id when its consumers move, before any seal.
  return 'atOnce'
}
