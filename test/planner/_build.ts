import type { AclBinding } from '../../src/domain/access.ts'
import type { Place } from '../../src/domain/diagnostic.ts'
import type { ClusterId, GroupId, PartitionKey, TopicName } from '../../src/domain/ids.ts'
import type { AccessSpec, Migration, TopicSpec } from '../../src/domain/migration.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import type { ConfigEntry } from '../../src/kafka/cluster.ts'
import type {
  Observed,
  ObservedGroup,
  ObservedSide,
  ObservedTopic,
  PartitionSample,
} from '../../src/planner/observed.ts'
import { type PlanInputs, planMigration } from '../../src/planner/plan-migration.ts'

/** Plain data for planner tests: nothing here claims anything about a broker. */

export const NOW = new Date('2026-11-22T12:00:00Z')
export const AT = NOW.toISOString()
export const topic = (name: string): TopicName => name as TopicName
export const group = (id: string): GroupId => id as GroupId
const place = (line: number): Place => ({
  file: 'plans/orders.yaml',
  line,
  column: 5,
  pointer: '/spec',
})

export const configs = (
  overrides: Readonly<Record<string, string>>,
  defaults: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, ConfigEntry> =>
  new Map([
    ...Object.entries({
      'retention.ms': '604800000',
      'cleanup.policy': 'delete',
      'max.message.bytes': '1048588',
      ...defaults,
    }).map(([key, value]): [string, ConfigEntry] => [key, { value, isOverride: false }]),
    ...Object.entries(overrides).map(([key, value]): [string, ConfigEntry] => [
      key,
      { value, isOverride: true },
    ]),
  ])

export const topicSeen = (
  name: string,
  partitions: readonly (readonly [
    logStart: bigint,
    end: bigint,
    sample?: Partial<PartitionSample>,
  ])[],
  overrides: Readonly<Record<string, string>> = {},
): ObservedTopic => ({
  description: {
    name: topic(name),
    topicId: `id-${name}`,
    isInternal: false,
    partitions: partitions.map((_, partition) => ({
      partition,
      leader: 1,
      leaderEpoch: 0,
      replicas: [1, 2, 3],
      isr: [1, 2, 3],
    })),
  },
  partitions: partitions.map(([logStart, end, sample], partition) => ({
    partition,
    logStart,
    highWatermark: end,
    lastStable: end,
    sample:
      end > logStart
        ? {
            firstTimestamp: sample?.headTimestamp ?? NOW.getTime() - 3_600_000,
            headTimestamp: NOW.getTime() - 3_600_000,
            tail: 'plain',
            recordBytes: 100,
            ...sample,
          }
        : null,
  })),
  configs: configs(overrides),
})

export const groupSeen = (
  id: string,
  commits: Readonly<Record<string, bigint>>,
  description: Partial<ObservedGroup['description']> = {},
  pending: readonly string[] = [],
): ObservedGroup => ({
  description: {
    id: group(id),
    state: 'stable',
    type: 'classic',
    protocolType: 'consumer',
    members: [],
    ...description,
  },
  commits: new Map(
    Object.entries(commits).map(([key, offset]) => [
      key as PartitionKey,
      { offset, metadata: '', leaderEpoch: -1 },
    ]),
  ),
  pending: pending as PartitionKey[],
})

export const side = (name: string, parts: Partial<ObservedSide> = {}): ObservedSide => ({
  name,
  id: `id-of-${name}` as ClusterId,
  cluster: {
    id: `id-of-${name}` as ClusterId,
    controllerId: 1,
    brokers: [1, 2, 3].map((nodeId) => ({ nodeId, host: 'h', port: 9092 })),
  },
  topics: new Map(),
  groups: new Map(),
  brokerConfigs: new Map(
    Object.entries({
      'default.replication.factor': '3',
      'min.insync.replicas': '2',
      'log.retention.ms': '604800000',
      'log.message.timestamp.before.max.ms': '1',
      'message.max.bytes': '1048588',
    }).map(([key, value]) => [key, { value, isOverride: false }]),
  ),
  acls: [],
  users: new Map(),
  quotas: new Map(),
  commitsExpireEarly: false,
  takesIdempotentWrites: true,
  fillsHoles: true,
  ...parts,
})

export const topicSpec = (name: string, parts: Partial<TopicSpec> = {}): TopicSpec => ({
  name: topic(name),
  at: place(10),
  partitions: undefined,
  replicationFactor: undefined,
  configs: undefined,
  offsets: 'auto',
  ...parts,
})

const acl = (
  principal: string,
  resourceType: AclBinding['resourceType'],
  resourceName: string,
  operation: AclBinding['operation'],
): AclBinding => ({
  principal,
  resourceType,
  resourceName,
  operation,
  patternType: 'LITERAL',
  host: '*',
  permission: 'ALLOW',
})

export const ACCESS: AccessSpec = {
  principal: 'User:orders-api',
  at: place(20),
  atOnce: [
    acl('User:orders-api', 'TOPIC', 'orders', 'READ'),
    acl('User:orders-api', 'TOPIC', 'orders', 'DESCRIBE'),
  ],
  afterSync: [acl('User:orders-api', 'GROUP', 'api', 'READ')],
  afterSeal: [acl('User:orders-api', 'TOPIC', 'orders', 'WRITE')],
  says: 'consume orders as api',
}

export const migration = (parts: Partial<Migration> = {}): Migration => ({
  name: 'orders',
  owner: undefined,
  file: 'plans/orders.yaml',
  digest: 'd',
  from: 'old',
  to: 'new',
  stage: 'retired',
  stageAt: place(5),
  order: 'consumers-first',
  topics: [topicSpec('orders')],
  groups: [{ id: group('api'), at: place(15), uncommitted: 'absent', uncommittedSaid: false }],
  users: [],
  access: [ACCESS],
  quotas: [],
  removed: [],
  mirror: { throttle: undefined, startFrom: 'earliest' },
  gates: { mirrorLag: 0, sourceQuietMs: 30_000, timeoutMs: 900_000 },
  rollback: { keepSourceWarm: false },
  unsupported: [],
  ...parts,
})

export const observed = (
  parts: { source?: Partial<ObservedSide>; target?: Partial<ObservedSide> } = {},
): Observed => ({
  at: NOW.toISOString(),
  source: side('old', {
    topics: new Map([
      [
        topic('orders'),
        topicSeen(
          'orders',
          [
            [100n, 1100n],
            [0n, 0n],
          ],
          { 'retention.ms': '86400000' },
        ),
      ],
    ]),
    groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 600n })]]),
    acls: 'not-read',
    ...parts.source,
  }),
  target: side('new', parts.target),
  problems: [],
})

export const plan = (parts: Partial<PlanInputs> = {}) =>
  planMigration({
    desired: migration(),
    observed: observed(),
    state: emptyState('orders', 'lineage'),
    progress: new Map(),
    readers: new Map(),
    purpose: { kind: 'migrate' },
    now: NOW,
    otherTopics: new Map(),
    inputs: {},
    toolVersion: '0.0.0',
    ...parts,
  })

export const stateWith = (parts: Partial<MigrationState>): MigrationState => ({
  ...emptyState('orders', 'lineage'),
  ...parts,
})

/** With so many replicas of each partition. */
export const replicated = (seen: ObservedTopic, factor: number): ObservedTopic => ({
  ...seen,
  description: {
    ...seen.description,
    partitions: seen.description.partitions.map((each) => ({
      ...each,
      replicas: Array.from({ length: factor }, (_, node) => node),
    })),
  },
})
