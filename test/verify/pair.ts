import kafkajs from 'kafkajs'
import type {
  ClusterId,
  GroupId,
  PartitionKey,
  SourceOffset,
  TargetOffset,
  TopicName,
} from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { Migration } from '../../src/domain/migration.ts'
import { type Gap, GapList, type OffsetIndex } from '../../src/domain/offset-index.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import { emptyState, type MigrationState, STATE_FORMAT_VERSION } from '../../src/domain/state.ts'
import type { BrokerLink, Cluster } from '../../src/kafka/cluster.ts'
import type { Codec } from '../../src/records/batch.ts'
import { encodeBatch, type NewRecord } from '../../src/records/write-batch.ts'
import { type VerifyMode, type VerifyReport, verifyMigration } from '../../src/verify/index.ts'
import { connect } from '../adapter/connect.ts'
import { type KafkaVersion, startKafka, type TestCluster } from '../kafka/index.ts'
import { untilMarked } from '../kafka/transactions.ts'
import { waitFor } from '../kafka/wait.ts'

/** Two running clusters, seen through the port. */
export interface Pair {
  readonly brokers: { readonly source: TestCluster; readonly target: TestCluster }
  readonly clusters: { readonly source: Cluster; readonly target: Cluster }
  stop(): Promise<void>
}

const NO_CONFIGS: Readonly<Record<string, string>> = {}

export const startPair = async (
  sourceVersion: KafkaVersion = '4.x',
  sourceBrokers: 1 | 2 | 3 = 1,
  targetConfig: Readonly<Record<string, string>> = NO_CONFIGS,
): Promise<Pair> => {
  const started = await Promise.allSettled([
    startKafka({ version: sourceVersion, brokers: sourceBrokers }),
    startKafka({ version: '4.x', config: targetConfig }),
  ])
  const running = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const stop = async () => {
    await Promise.all(running.map((cluster) => cluster.stop()))
  }
  if (running.length < 2) {
    await stop()
    throw (started.find((each) => each.status === 'rejected') as PromiseRejectedResult).reason
  }
  const [source, target] = running as [TestCluster, TestCluster]
  const clusters = {
    source: await connect(source, { name: 'old' }),
    target: await connect(target, { name: 'new' }),
  }
  return {
    brokers: { source, target },
    clusters,
    stop: async () => {
      await Promise.all([clusters.source.close(), clusters.target.close()])
      await stop()
    },
  }
}

/** Creates the topic on both sides. Old timestamps must survive. */
export const createTopic = async (
  { clusters }: Pair,
  topic: string,
  options: {
    readonly partitions?: number
    readonly source?: Readonly<Record<string, string>>
    readonly target?: Readonly<Record<string, string>>
  } = {},
): Promise<TopicName> => {
  const name = topic as TopicName
  for (const side of ['source', 'target'] as const) {
    const configs = { 'retention.ms': '-1', ...(options[side] ?? NO_CONFIGS) }
    const answer = await clusters[side].createTopics([
      {
        name,
        partitions: options.partitions ?? 1,
        replicationFactor: 1,
        configs: new Map(Object.entries(configs)),
      },
    ])
    if (answer.failed.size > 0) throw new Error([...answer.failed.values()][0]!.detail)
  }
  return name
}

export const deleteUpTo = async (
  cluster: Cluster,
  topic: TopicName,
  offset: number,
): Promise<void> => {
  const answer = await cluster.deleteRecords(
    new Map([[`${topic}:0` as PartitionKey, BigInt(offset)]]),
  )
  if (answer.failed.size > 0) throw new Error([...answer.failed.values()][0]!.detail)
}

/** Records with a key, a value, two headers and a timestamp of their own. */
export const recordsFrom = (first: number, count: number, bytes = 20): NewRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    timestamp: 1_700_000_000_000 + first + i,
    key: Buffer.from(`key-${first + i}`),
    value: Buffer.from(`value-${first + i}`.padEnd(bytes, '.')),
    headers: [
      { key: Buffer.from('a'), value: Buffer.from(`${first + i}`) },
      { key: Buffer.from('b'), value: null },
    ],
  }))

/** As a client can write them that knows no null in headers. */
export const withoutNulls = (records: readonly NewRecord[]): NewRecord[] =>
  records.map((record) => ({
    ...record,
    headers: (record.headers ?? []).map(({ key, value }) => ({
      key,
      value: value ?? Buffer.alloc(0),
    })),
  }))

export interface WriteOptions {
  readonly partition?: number
  readonly batch?: number
  readonly codec?: Codec
}

/** Appends exactly these records, in batches of so many. */
export const write = async (
  cluster: Cluster,
  topic: TopicName,
  records: readonly NewRecord[],
  options: WriteOptions = {},
): Promise<void> => {
  const { partition = 0, batch: size = 10, codec = 'none' } = options
  const link = await cluster.connectBroker(await leaderOf(cluster, topic, partition))
  try {
    for (let i = 0; i < records.length; i += size) {
      await produce(
        link,
        topic,
        partition,
        encodeBatch({ records: records.slice(i, i + size), codec }),
      )
    }
  } finally {
    await link.close()
  }
}

/** A topic that was just created may not have a leader yet. */
const leaderOf = (cluster: Cluster, topic: TopicName, partition: number): Promise<number> =>
  waitFor(`a leader of ${topic}`, { timeoutMs: 10_000 }, async () => {
    const leaders = await cluster.leaders([topic], 0)
    const found = leaders.get(`${topic}:${partition}` as PartitionKey)?.leader ?? -1
    return found >= 0 ? found : undefined
  })

export const produce = async (
  link: BrokerLink,
  topic: TopicName,
  partition: number,
  batch: Buffer,
): Promise<void> => {
  const request = {
    topics: [{ topic, partitions: [{ partition, batch: [batch] }] }],
    timeoutMs: 10_000,
  }
  await waitFor(`${topic}:${partition} to take a batch`, { timeoutMs: 10_000 }, async () => {
    const [answer] = await link.produce(request)
    if (answer!.errorCode === 0) return true
    // Only errors after which nothing was appended: unknown topic, not the leader.
    if (![3, 6].includes(answer!.errorCode)) throw new Error(`error ${answer!.errorCode}`)
    return undefined
  })
}

/** Transactions, each committed or aborted, each followed by its marker. */
export const transact = async (
  cluster: TestCluster,
  topic: TopicName,
  transactions: readonly { readonly records: readonly NewRecord[]; readonly commit: boolean }[],
): Promise<void> => {
  const transactionalId = `tx-${topic}`
  const producer = new kafkajs.Kafka(cluster.kafka()).producer({
    transactionalId,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  try {
    for (const { records, commit } of transactions) {
      const transaction = await producer.transaction()
      await transaction.send({
        topic,
        messages: records.map(({ key, value, timestamp, headers = [] }) => ({
          key,
          value,
          timestamp: String(timestamp),
          partition: 0,
          headers: Object.fromEntries(
            headers.map((header) => [header.key.toString(), header.value ?? Buffer.alloc(0)]),
          ),
        })),
      })
      await (commit ? transaction.commit() : transaction.abort())
    }
  } finally {
    await producer.disconnect()
  }
  await untilMarked(cluster, transactionalId)
}

export const markOf = (
  topic: TopicName,
  sourceStart: number,
  targetStart: number,
  changes: Partial<Mark> = {},
): Mark => ({
  topic,
  partition: 0,
  sourceCluster: 'old' as ClusterId,
  targetCluster: 'new' as ClusterId,
  sourceStart: BigInt(sourceStart) as SourceOffset,
  targetStart: BigInt(targetStart) as TargetOffset,
  mode: 'dense',
  producerId: -1n,
  producerEpoch: -1,
  fillerProducerId: -1n,
  at: '2026-01-01T00:00:00.000Z',
  ...changes,
})

export const gap = (from: number, to: number): Gap => ({
  from: BigInt(from) as SourceOffset,
  to: BigInt(to) as SourceOffset,
})

export const indexOf = (
  mark: Mark,
  mirroredTo: number,
  gaps: readonly Gap[] = [],
): OffsetIndex => ({
  mark,
  gaps: GapList.of(gaps),
  mirroredTo: BigInt(mirroredTo) as SourceOffset,
})

export const progressOf = (mark: Mark, gaps: readonly Gap[]): PartitionProgress => ({
  formatVersion: STATE_FORMAT_VERSION,
  topic: mark.topic,
  partition: mark.partition,
  producerId: mark.producerId,
  checkedTo: mark.targetStart,
  mirroredTo: mark.sourceStart,
  gaps: GapList.of(gaps),
  diverged: null,
  mayBeInFlight: false,
  problem: null,
  holder: { host: 'here', pid: 1, generation: 1 },
  at: mark.at,
})

export interface Verified {
  readonly report: VerifyReport
  readonly lines: readonly string[]
  /** Codes and details of all problems, partitions first. */
  readonly problems: readonly string[]
}

/** Runs verify over these marks. */
export const verify = async (
  { clusters }: Pick<Pair, 'clusters'>,
  marks: readonly Mark[],
  options: {
    readonly mode?: VerifyMode
    readonly gaps?: readonly Gap[]
    readonly groups?: readonly string[]
    readonly file?: Partial<Migration>
    readonly state?: Partial<MigrationState>
    readonly progress?: readonly PartitionProgress[]
    readonly patienceMs?: number
    readonly signal?: AbortSignal
  } = {},
): Promise<Verified> => {
  const lines: string[] = []
  const names = [...new Set(marks.map(({ topic }) => topic))]
  const progress = options.progress ?? (options.gaps ? [progressOf(marks[0]!, options.gaps)] : [])
  const migration = {
    name: 'test',
    topics: names.map((name) => ({ name })),
    groups: (options.groups ?? []).map((id) => ({ id: id as GroupId, uncommitted: 'absent' })),
    mirror: { throttle: undefined, startFrom: 'earliest' },
    order: 'consumers-first',
    stage: 'mirrored',
    ...options.file,
  } as unknown as Migration
  const report = await verifyMigration({
    clusters,
    migration,
    state: { ...emptyState('test', 'lineage'), marks, ...options.state },
    progress: new Map(
      progress.map((each) => [`${each.topic}:${each.partition}` as PartitionKey, each]),
    ),
    mode: options.mode ?? { kind: 'full' },
    report: (line) => lines.push(line),
    patienceMs: options.patienceMs ?? 60_000,
    signal: options.signal ?? new AbortController().signal,
  })
  const problems = [
    ...report.topics.flatMap((topic) => topic.partitions.flatMap((each) => each.problems)),
    ...report.groups.flatMap((group) => group.partitions.flatMap((each) => each.problems ?? [])),
  ].map(({ code, detail }) => `${code} ${detail}`)
  return { report, lines, problems }
}
