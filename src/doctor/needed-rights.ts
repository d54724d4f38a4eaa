import type { Operation, ResourceType } from '../domain/access.ts'
import type { Migration, Project } from '../domain/migration.ts'

/** A right that Ferry's own user needs, and the verbs that need it. */
export interface NeededRight {
  readonly operation: Operation
  readonly resourceType: ResourceType
  readonly resourceName: string
  readonly verbs: readonly string[]
}

const CLUSTER = { resourceType: 'CLUSTER', resourceName: 'kafka-cluster' } as const

const READS = ['plan', 'status', 'apply', 'mirror', 'verify', 'doctor'] as const
const COPIES = ['apply', 'mirror'] as const

/**
 * On the source Ferry only reads. DESCRIBE follows from READ, but is listed where it is all that is needed.
 * Source: the operation column of https://kafka.apache.org/documentation/#operations_in_kafka.
 */
export const neededOnSource = ({ topics, groups }: Migration): readonly NeededRight[] => [
  { operation: 'DESCRIBE', ...CLUSTER, verbs: ['doctor', 'import', 'graph'] },
  { operation: 'DESCRIBE_CONFIGS', ...CLUSTER, verbs: READS },
  ...topics.flatMap(({ name }) => [
    right('DESCRIBE_CONFIGS', 'TOPIC', name, READS),
    right('READ', 'TOPIC', name, READS),
  ]),
  ...groups.map(({ id }) => right('DESCRIBE', 'GROUP', id, READS)),
]

/** On the target Ferry makes topics, writes their records and the positions of groups, and grants access. */
export const neededOnTarget = (
  { topics, groups, users, access, quotas }: Migration,
  project: Pick<Project, 'name'>,
): readonly NeededRight[] => [
  { operation: 'DESCRIBE', ...CLUSTER, verbs: READS },
  { operation: 'DESCRIBE_CONFIGS', ...CLUSTER, verbs: READS },
  ...(users.length + access.length > 0
    ? [{ operation: 'ALTER' as const, ...CLUSTER, verbs: ['apply'] }]
    : []),
  ...(quotas.length > 0
    ? [{ operation: 'ALTER_CONFIGS' as const, ...CLUSTER, verbs: ['apply'] }]
    : []),
  ...topics.flatMap(({ name, offsets }) => [
    right('CREATE', 'TOPIC', name, ['plan', 'apply']),
    right('ALTER_CONFIGS', 'TOPIC', name, ['apply']),
    right('DESCRIBE_CONFIGS', 'TOPIC', name, READS),
    right('READ', 'TOPIC', name, [...COPIES, 'verify']),
    right('WRITE', 'TOPIC', name, COPIES),
    // Priming: DeleteRecords takes the filler away again.
    ...(offsets === 'dense' ? [] : [right('DELETE', 'TOPIC', name, COPIES)]),
  ]),
  // Committing a position takes READ on the group, as for a consumer.
  ...groups.map(({ id }) => right('READ', 'GROUP', id, READS)),
  // The lock of the mirror.
  right('READ', 'GROUP', `ferry-mirror-${project.name}`, [...COPIES, 'status']),
]

const right = (
  operation: Operation,
  resourceType: ResourceType,
  resourceName: string,
  verbs: readonly string[],
): NeededRight => ({ operation, resourceType, resourceName, verbs })
