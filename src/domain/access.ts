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

/** True if a pattern covers a name. */
export const covers = (
  pattern: Pick<AclBinding, 'patternType' | 'resourceName'>,
  name: string,
): boolean =>
  pattern.patternType === 'PREFIXED'
    ? name.startsWith(pattern.resourceName)
    : pattern.resourceName === '*' || pattern.resourceName === name
