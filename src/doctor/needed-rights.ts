import type { Operation, PatternType, ResourceType } from '../domain/access.ts'
import type { Migration, Project } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'

/** A right that Ferry's own user needs, and the verbs that need it. */
export interface NeededRight {
  readonly operation: Operation
  readonly resourceType: ResourceType
  readonly resourceName: string
  readonly patternType: PatternType
  readonly verbs: readonly string[]
  /** Operations on the same resource that do as well. */
  readonly instead?: readonly Operation[]
  /** What becomes of it where the right is missing; absent: the verbs cannot do their work. */
  readonly without?: string
}

/** Whatever looks at both clusters: a plan backwards or anew does, too. */
const READS = [
  'plan',
  'status',
  'apply',
  'mirror',
  'verify',
  'doctor',
  'drift',
  'resync',
  'rollback',
] as const
const COPIES = ['apply', 'mirror', 'resync'] as const
/** A plan forwards is refused without them. */
const CHANGES = ['plan', 'apply', 'rollback'] as const
/** What writes decisions to the state. */
const DECIDES = ['apply', 'rollback', 'resync', 'salvage'] as const

/**
 * On the source Ferry reads; only the way back writes there: records that producers have written to the target, and the positions of groups
 * that go back. DESCRIBE follows from READ, but is listed where it is all that is needed.
 * Source: the operation column of https://kafka.apache.org/documentation/#operations_in_kafka.
 */
export const neededOnSource = (
  migration: Migration,
  project: Pick<Project, 'name' | 'state'>,
  speaks: Speaks,
): readonly NeededRight[] => [
  // Without it a broker leaves groups out of its list.
  onCluster('DESCRIBE', ['doctor', 'import', 'graph', 'resync']),
  ...(speaks(CONFIGS) === undefined ? [] : [onCluster('DESCRIBE_CONFIGS', READS)]),
  ...migration.topics.flatMap(({ name }) => [
    ...(speaks(CONFIGS) === undefined ? [] : [right('DESCRIBE_CONFIGS', 'TOPIC', name, READS)]),
    right('READ', 'TOPIC', name, [...READS, 'salvage']),
  ]),
  ...migration.groups.flatMap(({ id }) => [
    right('DESCRIBE', 'GROUP', id, READS),
    right('READ', 'GROUP', id, ['rollback']),
  ]),
  // An id that Ferry may not see would make its transaction look as if nobody would ever end it.
  ...(speaks(IDEMPOTENT) === undefined
    ? []
    : [right('DESCRIBE', 'TRANSACTIONAL_ID', '*', ['apply', 'import', 'graph'])]),
  ...neededForWayBack(migration, project, speaks),
  ...neededForState(migration.from, project),
]

/** The version of an API that a cluster speaks; undefined: it does not have it. */
type Speaks = Cluster['supports']
/** InitProducerId (0.11): without it there is no way back, and nothing to need; nor are there transactions. */
const IDEMPOTENT = 'InitProducerId'
/** 0.11, and the operation with it. */
const CONFIGS = 'DescribeConfigs'
/** From the same version on (2.8) holes can be filled, and WRITE on any topic does where an idempotent producer needed a right of its own. */
const SINCE_2_8 = 'DescribeProducers'

/** What producers have written to the target is mirrored back: Ferry writes as a producer, under a lock as on the target. Nothing is made. */
const neededForWayBack = (
  { topics, rollback }: Migration,
  project: Pick<Project, 'name'>,
  speaks: Speaks,
): readonly NeededRight[] => {
  if (speaks(IDEMPOTENT) === undefined || topics.length === 0) return []
  const verbs = rollback.keepSourceWarm ? ['apply', 'mirror', 'rollback'] : ['rollback']
  const fills = speaks(SINCE_2_8) !== undefined && topics.some(({ offsets }) => offsets !== 'dense')
  return [
    ...topics.map(({ name }) => right('WRITE', 'TOPIC', name, verbs)),
    right('READ', 'GROUP', `ferry-mirror-${project.name}`, verbs),
    ...(speaks(SINCE_2_8) === undefined ? [onCluster('IDEMPOTENT_WRITE', verbs)] : []),
    ...(fills
      ? [
          {
            ...onCluster('CLUSTER_ACTION', verbs),
            instead: ['ALTER'] as const,
            without:
              'offsets that were identical are dense from the seal on once the way back was taken',
          },
        ]
      : []),
  ]
}

/** On the target Ferry makes topics, writes their records and the positions of groups, and grants access. */
export const neededOnTarget = (
  migration: Migration,
  project: Pick<Project, 'name' | 'state'>,
): readonly NeededRight[] => [
  onCluster('DESCRIBE', READS),
  onCluster('DESCRIBE_CONFIGS', READS),
  ...(migration.users.length + migration.access.length > 0 ? [onCluster('ALTER', CHANGES)] : []),
  ...(migration.quotas.length > 0 ? [onCluster('ALTER_CONFIGS', ['apply', 'rollback'])] : []),
  ...migration.topics.flatMap(({ name }) => [
    right('CREATE', 'TOPIC', name, ['plan', 'apply', 'resync']),
    right('ALTER_CONFIGS', 'TOPIC', name, CHANGES),
    right('DESCRIBE_CONFIGS', 'TOPIC', name, [...READS, 'salvage']),
    right('READ', 'TOPIC', name, ['plan', ...COPIES, 'verify', 'salvage']),
    right('WRITE', 'TOPIC', name, ['plan', ...COPIES, 'salvage']),
    // Priming takes its filler away again with DeleteRecords, and a resync the old copy; a rollback removes the topic that Ferry made.
    right('DELETE', 'TOPIC', name, [...COPIES, 'rollback']),
  ]),
  // Committing a position takes READ on the group, as for a consumer; taking it back, DELETE.
  ...migration.groups.flatMap(({ id }) => [
    right('READ', 'GROUP', id, READS),
    right('DELETE', 'GROUP', id, ['rollback', 'resync']),
  ]),
  // The lock of the mirror.
  right('READ', 'GROUP', `ferry-mirror-${project.name}`, [...COPIES, 'status']),
  ...neededForState(migration.to, project),
]

/** See docs/state.md. */
const neededForState = (
  cluster: string,
  { name, state }: Pick<Project, 'name' | 'state'>,
): readonly NeededRight[] => {
  if (state.store !== 'kafka' || state.cluster !== cluster) return []
  const ids = `ferry-${state.topic}-${name}-`
  return [
    right('CREATE', 'TOPIC', state.topic, DECIDES),
    right('DESCRIBE_CONFIGS', 'TOPIC', state.topic, [...READS, 'salvage']),
    right('READ', 'TOPIC', state.topic, [...READS, 'salvage']),
    right('WRITE', 'TOPIC', state.topic, [...DECIDES, 'mirror']),
    { ...right('WRITE', 'TRANSACTIONAL_ID', ids, DECIDES), patternType: 'PREFIXED' },
  ]
}

const right = (
  operation: Operation,
  resourceType: ResourceType,
  resourceName: string,
  verbs: readonly string[],
): NeededRight => ({ operation, resourceType, resourceName, patternType: 'LITERAL', verbs })

const onCluster = (operation: Operation, verbs: readonly string[]): NeededRight =>
  right(operation, 'CLUSTER', 'kafka-cluster', verbs)
