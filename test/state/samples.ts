import type { Managed } from '../../src/domain/drift.ts'
import type {
  ClusterId,
  GroupId,
  PartitionKey,
  SourceOffset,
  TargetOffset,
  TopicName,
} from '../../src/domain/ids.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { GapChunk, PartitionProgress } from '../../src/domain/partition-progress.ts'
import { emptyState, type MigrationState, STATE_FORMAT_VERSION } from '../../src/domain/state.ts'
import type { LockHolder } from '../../src/state/state-store.ts'

export const AT = '2025-11-04T18:20:00.000Z'
export const LINEAGE = '9e3b6f1e-6c6c-4a41-9d8f-000000000001'

export const holder = (over: Partial<LockHolder> = {}): LockHolder => ({
  user: 'ines',
  host: 'laptop',
  pid: process.pid,
  operation: 'apply orders',
  since: AT,
  ...over,
})

export const NOTHING_MANAGED: Managed = {
  topics: [],
  groups: [],
  principals: [],
  users: [],
  quotas: [],
}

/** Every field filled, with offsets beyond 2^53. */
export const fullState = (serial: number, migration = 'orders'): MigrationState => ({
  ...emptyState(migration, LINEAGE),
  serial,
  stage: 'consumers-moved',
  clusters: { source: 'old' as ClusterId, target: 'new' as ClusterId },
  plan: { digest: 'd'.repeat(64), status: 'open' },
  createdTopics: ['orders.events' as TopicName],
  markIntents: [
    {
      topic: 'orders.events' as TopicName,
      mode: 'identical',
      producerId: 4000n,
      producerEpoch: 0,
      fillerProducerId: 4001n,
      fillerProducerEpoch: 0,
    },
  ],
  marks: [
    {
      topic: 'orders.events' as TopicName,
      partition: 0,
      sourceCluster: 'old' as ClusterId,
      targetCluster: 'new' as ClusterId,
      targetTopicId: 'Xk3pT0vQSf6mUe1yZ8aBcg',
      sourceStart: 9_007_199_254_740_993n as SourceOffset,
      targetStart: 9_007_199_254_740_993n as TargetOffset,
      mode: 'identical',
      producerId: 4000n,
      producerEpoch: 0,
      fillerProducerId: 4001n,
      at: AT,
    },
  ],
  seals: [
    {
      topic: 'orders.events' as TopicName,
      partition: 0,
      sourceEnd: 9_007_199_254_741_000n as SourceOffset,
      targetEnd: 9_007_199_254_741_000n as TargetOffset,
      at: AT,
    },
  ],
  syncs: [
    {
      group: 'orders-api' as GroupId,
      status: 'done',
      at: AT,
      positions: new Map([
        [
          'orders.events:0' as PartitionKey,
          {
            source: 9_007_199_254_740_999n as SourceOffset,
            target: 9_007_199_254_740_999n,
            previous: { offset: 3n, metadata: 'm "1"\n' },
            metadata: '',
            proof: 'record',
          },
        ],
        [
          '__proto__:1' as PartitionKey,
          { source: 0n as SourceOffset, target: 0n, previous: null, metadata: 'ä', proof: 'empty' },
        ],
      ]),
      marked: new Map([
        ['orders.events' as TopicName, 3],
        ['__proto__' as TopicName, 1],
      ]),
      adding: new Map([
        [
          'orders.events:2' as PartitionKey,
          {
            source: 1n as SourceOffset,
            target: 2n,
            previous: null,
            metadata: '',
            proof: 'record',
            at: AT,
          },
        ],
      ]),
    },
  ],
  grants: [
    {
      resourceType: 'TOPIC',
      resourceName: 'orders.events',
      patternType: 'LITERAL',
      principal: 'User:orders-api',
      host: '*',
      operation: 'READ',
      permission: 'ALLOW',
    },
  ],
  users: [
    {
      name: 'orders-api',
      mechanism: 'scram-sha-512',
      passwordVersion: 1,
      made: true,
      asked: false,
    },
  ],
  creating: [
    {
      topic: 'orders.dlq' as TopicName,
      partitions: 3,
      replicationFactor: -1,
      configs: new Map([['retention.ms', '9007199254740993']]),
    },
  ],
  quotasBefore: [{ user: 'orders-api', producerByteRate: null, consumerByteRate: 1024 }],
  configsBefore: [
    {
      topic: 'orders.dlq' as TopicName,
      topicId: 'Xk3pT0vQSf6mUe1yZ8aBcg',
      was: new Map([
        ['retention.ms', null],
        ['__proto__', '1'],
      ]),
    },
  ],
  purges: [
    {
      topic: 'orders.old' as TopicName,
      marks: [],
      intent: {
        topic: 'orders.old' as TopicName,
        mode: 'dense',
        producerId: 9_007_199_254_740_993n,
        producerEpoch: 0,
        fillerProducerId: 1n,
        fillerProducerEpoch: 0,
      },
      copiedBackTo: [{ partition: 0, end: 9_007_199_254_740_993n }],
    },
  ],
  emptied: [
    {
      topic: 'orders.older' as TopicName,
      targetTopicId: 'Xk3pT0vQSf6mUe1yZ8aBch',
      ends: [{ partition: 0, end: 9_007_199_254_740_993n }],
    },
  ],
  cleaned: [{ topic: 'orders.events' as TopicName, cluster: 'new' as ClusterId }],
  reverse: {
    marks: [
      {
        topic: 'orders.events' as TopicName,
        partition: 0,
        sourceCluster: 'to' as ClusterId,
        targetCluster: 'from' as ClusterId,
        sourceStart: 9_007_199_254_740_993n as SourceOffset,
        targetStart: 7n as TargetOffset,
        mode: 'identical',
        producerId: 9n,
        producerEpoch: 0,
        fillerProducerId: 10n,
        at: AT,
        way: 'reverse',
      },
    ],
    seals: [
      {
        topic: 'orders.events' as TopicName,
        partition: 0,
        sourceEnd: 9_007_199_254_740_995n as SourceOffset,
        targetEnd: 9n as TargetOffset,
        at: AT,
      },
    ],
    own: [
      {
        topic: 'orders.events' as TopicName,
        partition: 0,
        from: 9_007_199_254_740_993n as SourceOffset,
        to: 9_007_199_254_740_995n as SourceOffset,
      },
    ],
    sealing: [
      {
        topic: 'orders.late' as TopicName,
        partition: 1,
        sourceEnd: 9_007_199_254_740_997n as SourceOffset,
        targetEnd: 10n as TargetOffset,
        at: AT,
      },
    ],
  },
  sealing: [
    {
      topic: 'orders.late' as TopicName,
      partition: 0,
      sourceEnd: 9_007_199_254_740_996n as SourceOffset,
      targetEnd: 11n as TargetOffset,
      at: AT,
    },
  ],
  seen: {
    at: AT,
    sourceConfigs: true,
    managed: {
      topics: ['orders.events' as TopicName],
      groups: ['orders-api' as GroupId],
      principals: ['User:orders-api'],
      users: [{ name: 'orders-api', mechanism: 'scram-sha-512' }],
      quotas: ['orders-api'],
    },
    facts: new Map([
      ['topic orders.events on new', 'there'],
      ['__proto__', 'x'],
    ]),
  },
  acceptedGaps: [
    {
      topic: 'orders.events' as TopicName,
      partition: 0,
      from: 9_007_199_254_740_995n as SourceOffset,
      to: 9_007_199_254_740_997n as SourceOffset,
      producerId: 4000n,
      code: 'FERRY1602',
      offsets: 'padded',
      losing: [{ group: 'orders-api' as GroupId, side: 'source', offsets: '2' }],
      at: AT,
    },
  ],
  salvages: [
    {
      topic: 'orders.events' as TopicName,
      partition: 0,
      from: 9_007_199_254_741_000n as SourceOffset,
      to: 9_007_199_254_741_003n as SourceOffset,
      status: 'pending',
      producerId: 4002n,
      producerEpoch: 0,
      targetFrom: 9_007_199_254_741_000n as TargetOffset,
      sent: {
        place: 1,
        records: 2,
        from: 9_007_199_254_741_001n as SourceOffset,
        to: 9_007_199_254_741_003n as SourceOffset,
      },
      at: AT,
    },
  ],
  lost: [
    {
      topic: 'orders.events' as TopicName,
      partition: 0,
      from: 9_007_199_254_741_003n as SourceOffset,
      to: 9_007_199_254_741_005n as SourceOffset,
      unseen: true,
      unsure: true,
      by: { user: 'ines', host: 'here' },
      at: AT,
      pending: true,
    },
  ],
  returns: [
    {
      group: 'orders-audit' as GroupId,
      status: 'pending',
      at: AT,
      of: AT,
      behind: [4n],
      positions: new Map([
        [
          'orders.events:0' as PartitionKey,
          {
            target: 9_007_199_254_740_999n,
            source: 9_007_199_254_740_997n as SourceOffset,
            previous: { offset: 3n, metadata: 'm' },
            metadata: '',
          },
        ],
      ]),
    },
  ],
})

export const sampleProgress = (
  topic: string,
  partition: number,
  over: Partial<PartitionProgress> = {},
): PartitionProgress => ({
  formatVersion: STATE_FORMAT_VERSION,
  topic: topic as TopicName,
  partition,
  producerId: 4000n,
  checkedTo: 1200n as TargetOffset,
  mirroredTo: 9_007_199_254_740_993n as SourceOffset,
  gaps: new GapList(),
  diverged: null,
  mayBeInFlight: false,
  problem: null,
  holder: { host: 'laptop', pid: 12, generation: 3 },
  at: AT,
  ...over,
})

/** A chunk that begins a tenure, with gaps from the first offset to the last one that a number holds. */
export const sampleChunk = (
  topic: string,
  partition: number,
  over: Partial<GapChunk> = {},
): GapChunk => ({
  topic: topic as TopicName,
  partition,
  producerId: 4000n,
  generation: 3,
  tenure: 'first',
  isWhole: true,
  from: 0n as SourceOffset,
  gaps: GapList.of([
    { from: 0n, to: 1n },
    { from: 100n, to: 103n },
    { from: 9_007_199_254_740_990n, to: 9_007_199_254_740_991n },
  ]).bytesFrom(0),
  ...over,
})

/** The codes that a promise fails with; an empty list if it does not fail. */
export const codesOf = async (action: Promise<unknown>): Promise<readonly string[]> => {
  try {
    await action
    return []
  } catch (error) {
    const { diagnostics } = error as { diagnostics?: readonly { code: string }[] }
    if (!diagnostics) throw error
    return diagnostics.map((d) => d.code)
  }
}
