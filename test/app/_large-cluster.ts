import type { AclBinding } from '../../src/domain/access.ts'
import type { Answers } from '../../src/domain/answers.ts'
import {
  type ClusterId,
  type GroupId,
  type PartitionKey,
  partitionKey,
  type TopicName,
} from '../../src/domain/ids.ts'
import type {
  BrokerLink,
  Cluster,
  CommittedOffset,
  ConfigEntry,
  FetchRequest,
  GroupDescription,
  TopicDescription,
} from '../../src/kafka/cluster.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { configs } from '../planner/_build.ts'

export interface LargeSize {
  readonly topics: number
  readonly partitions: number
  readonly groups: number
  readonly brokers: number
}

export const topicsOf = ({ topics }: LargeSize): readonly TopicName[] =>
  Array.from({ length: topics }, (_, i) => `service-${i % 500}.topic-${i}` as TopicName)

export const groupsOf = ({ groups }: LargeSize): readonly GroupId[] =>
  Array.from({ length: groups }, (_, i) => `service-${i}.reader` as GroupId)

/** Two for each topic: who writes it, who reads it. */
export const aclsOf = (size: LargeSize): readonly AclBinding[] =>
  topicsOf(size).flatMap((resourceName, i) =>
    (['WRITE', 'READ'] as const).map((operation) => ({
      principal: `User:${operation.toLowerCase()}-${i % 500}`,
      resourceType: 'TOPIC',
      resourceName,
      operation,
      patternType: 'LITERAL',
      host: '*',
      permission: 'ALLOW',
    })),
  )

export const END = 1_000n

/**
 * A cluster of any size behind the port, in memory: what planning asks of it, and nothing else. Each partition holds 1,000 records; `all`:
 * each group has committed on its share of the topics, all partitions. Nothing here claims anything about a broker.
 */
export const largeCluster = (
  name: string,
  size: LargeSize,
  holds: 'all' | 'records' | 'nothing',
): { readonly cluster: Cluster; readonly calls: ReadonlyMap<string, number> } => {
  const names = topicsOf(size)
  const numbers = Array.from({ length: size.partitions }, (_, i) => i)
  const brokers = Array.from({ length: size.brokers }, (_, i) => i + 1)
  const leaderOf = (topic: number, partition: number) =>
    brokers[(topic + partition) % brokers.length]!
  const known =
    holds === 'nothing' ? new Map<TopicName, number>() : new Map(names.map((each, i) => [each, i]))
  const hasGroups = holds === 'all'
  const answer = <K, V>(keys: readonly K[], of: (key: K) => V): Answers<K, V> => {
    const ok = new Map<K, V>()
    for (const key of keys) ok.set(key, of(key))
    return { ok, failed: new Map() }
  }
  const describe = (topic: TopicName): TopicDescription | 'absent' => {
    const i = known.get(topic)
    if (i === undefined) return 'absent'
    return {
      name: topic,
      topicId: `id-of-${topic}`,
      isInternal: false,
      partitions: numbers.map((partition) => ({
        partition,
        leader: leaderOf(i, partition),
        leaderEpoch: 0,
        replicas: brokers,
        isr: brokers,
      })),
    }
  }
  const ids = groupsOf(size)
  const share = Math.ceil(size.topics / size.groups)
  const commitsOf = (id: GroupId): ReadonlyMap<PartitionKey, CommittedOffset> => {
    const first = ids.indexOf(id) * share
    const commits = new Map<PartitionKey, CommittedOffset>()
    for (const topic of names.slice(first, first + share)) {
      for (const partition of numbers) {
        const commit = { offset: 500n, metadata: '', leaderEpoch: -1 }
        commits.set(partitionKey(topic, partition), commit)
      }
    }
    return commits
  }
  const describeGroup = (id: GroupId): GroupDescription => ({
    id,
    state: hasGroups ? 'stable' : 'absent',
    type: 'classic',
    protocolType: 'consumer',
    members: [],
  })
  const link = (nodeId: number): Partial<BrokerLink> => ({
    nodeId,
    connected: true,
    fetch: async (request) => fetched(request),
    close: async () => {},
  })
  const parts: Partial<Cluster> = {
    name,
    id: `id-of-${name}` as ClusterId,
    supports: () => 99,
    describeCluster: async () => ({
      id: `id-of-${name}` as ClusterId,
      brokers: brokers.map((nodeId) => ({ nodeId, host: 'h', port: 9092 })),
      controllerId: 1,
    }),
    listTopics: async () => [...known.keys()],
    describeTopics: async (asked) => answer(asked, describe),
    describeTopicConfigs: async (asked) =>
      answer(
        asked,
        (): ReadonlyMap<string, ConfigEntry> => configs({ 'retention.ms': '86400000' }),
      ),
    describeBrokerConfigs: async () =>
      configs({}, { 'default.replication.factor': '3', 'min.insync.replicas': '2' }),
    listOffsets: async (asked, at) => {
      const offset = at === 'earliest' ? 0n : END
      const ok = new Map<PartitionKey, bigint>()
      for (const { topic, partition } of asked) ok.set(partitionKey(topic, partition), offset)
      return { ok, failed: new Map() }
    },
    connectBroker: async (nodeId) => link(nodeId) as BrokerLink,
    listGroups: async () => ids.map((id) => ({ id, protocolType: 'consumer' })),
    describeGroups: async (asked) => answer(asked, describeGroup),
    lookAtCommits: async (asked) =>
      answer(asked, (id) => ({
        commits: hasGroups ? commitsOf(id) : new Map<PartitionKey, CommittedOffset>(),
        pending: [],
      })),
    listTransactions: async () => [],
    describeAcls: async () => aclsOf(size),
    createTopics: async (asked) =>
      answer(
        asked.map((topic) => topic.name),
        () => undefined,
      ),
  }
  const calls = new Map<string, number>()
  const cluster = new Proxy(parts as Cluster, {
    get: (target, key: keyof Cluster) => {
      const value = target[key]
      if (value === undefined) throw new Error(`planning asks for ${String(key)}`)
      if (typeof value === 'function') calls.set(key, (calls.get(key) ?? 0) + 1)
      return value
    },
  })
  return { cluster, calls }
}

/** One record at each end of a log. */
const BATCHES = new Map(
  [0, Number(END) - 1].map((baseOffset) => [
    baseOffset,
    encodeBatch({
      baseOffset,
      records: [
        { timestamp: Date.parse('2026-11-22T11:00:00Z'), key: null, value: Buffer.alloc(100) },
      ],
    }),
  ]),
)

const fetched = (request: FetchRequest) =>
  request.topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, fetchOffset }) => ({
      topic,
      partition,
      errorCode: 0,
      highWatermark: Number(END),
      lastStableOffset: Number(END),
      logStartOffset: 0,
      abortedTransactions: null,
      records: BATCHES.get(fetchOffset)!,
    })),
  )
