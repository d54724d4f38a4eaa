import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { valuesOf } from '../../src/domain/answers.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import {
  type ClusterId,
  type PartitionKey,
  partitionKey,
  type SourceOffset,
  type TargetOffset,
  type TopicName,
  type TopicPartition,
} from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { GapChunk, PartitionProgress } from '../../src/domain/partition-progress.ts'
import type { Cluster, ProducerIdentity } from '../../src/kafka/cluster.ts'
import { connectCluster } from '../../src/kafka/kafkajs-cluster.ts'
import {
  DEFAULT_MEMORY_BUDGET,
  type Mirror,
  type MirrorOptions,
  type MirrorTimings,
  type PartitionReport,
  type ProgressStore,
} from '../../src/mirror/mirror.ts'
import { primeTopic } from '../../src/mirror/prime.ts'
import { withPartitions } from '../../src/mirror/with-partitions.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { type StartOptions, startKafka, type TestCluster } from '../kafka/index.ts'
import type { OracleRecord } from '../kafka/oracle-lines.ts'
import { waitFor } from '../kafka/wait.ts'

/** Short enough to wait for in a test, long enough for two busy cores. */
export const TIMINGS: MirrorTimings = { sessionTimeoutMs: 5_000, requestTimeoutMs: 1_500 }

const nowhere = { file: '', line: 0, column: 0, pointer: '' }

/** The port to a cluster by its id and addresses alone, so that a child process can be told. */
export const connectTo = (
  place: Pick<TestCluster, 'clusterId' | 'bootstrapServers'>,
  name: string,
): Promise<Cluster> =>
  connectCluster(
    {
      name,
      file: '',
      clusterId: place.clusterId as ClusterId,
      clusterIdAt: nowhere,
      bootstrapServers: place.bootstrapServers,
      bootstrapAt: nowhere,
      tls: undefined,
      sasl: undefined,
    },
    { clientId: `ferry-test-${process.pid}`, requestTimeoutMs: 20_000, retryMs: 3_000 },
  )

/** Progress as the file store keeps it, of one migration; shared by processes. */
export class FileProgress implements ProgressStore {
  readonly #store: FileStore

  constructor(folder: string) {
    this.#store = new FileStore(folder)
  }

  readProgress(migration = 'm'): Promise<ReadonlyMap<PartitionKey, PartitionProgress>> {
    return this.#store.readProgress(migration)
  }

  writeProgress(migration: string, progress: readonly PartitionProgress[]): Promise<void> {
    return this.#store.writeProgress(migration, progress)
  }

  appendGaps(migration: string, chunks: readonly GapChunk[]): Promise<void> {
    return this.#store.appendGaps(migration, chunks)
  }
}

/** A folder for the files of a test. */
export const withFolder = async <T>(use: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-mirror-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const topicName = (name: string): TopicName => name as TopicName

/** Creates a topic with the protective configs that matter to a mirror. */
export const createTopic = async (
  cluster: Cluster,
  topic: TopicName,
  partitions: number,
  configs: Readonly<Record<string, string>> = {},
  replicationFactor = 1,
): Promise<void> => {
  const all = new Map(Object.entries({ 'retention.ms': '-1', ...configs }))
  const answers = await cluster.createTopics([
    { name: topic, partitions, replicationFactor, configs: all },
  ])
  const problem = answers.failed.get(topic)
  if (problem) throw new FerryError(problem)
  await waitFor(`${topic} to be known`, { timeoutMs: 30_000 }, async () => {
    const described = (await cluster.describeTopics([topic])).ok.get(topic)
    if (described === undefined || described === 'absent') return undefined
    const all = described.partitions.map(({ partition }) => ({ topic, partition }))
    return (await cluster.listOffsets(all, 'latest')).failed.size === 0 ? true : undefined
  })
}

/** Primes each partition of a topic on the target up to an offset, as apply would. */
export const primeUpTo = async (
  target: Cluster,
  topic: TopicName,
  upTo: readonly bigint[],
  filler: ProducerIdentity,
  project = 'test',
): Promise<void> => {
  const options = {
    project,
    target,
    timings: TIMINGS,
    log: () => {},
    signal: new AbortController().signal,
  }
  const partitions = upTo.map((offset, partition) => ({ partition, upTo: offset }))
  await withPartitions(options, new Map([[topic, upTo.length]]), (lock) =>
    primeTopic({ ...options, topic, partitions, filler, lock, isFirst: false }),
  )
}

/** Marks a topic at its source's log starts, as apply would. */
export const markTopic = async (
  source: Cluster,
  target: Cluster,
  topic: TopicName,
  options: { readonly mode: Mark['mode']; readonly fillerProducerId?: bigint },
): Promise<Mark[]> => {
  const [from, to] = await Promise.all([
    source.describeTopics([topic]),
    target.describeTopics([topic]),
  ])
  const described = from.ok.get(topic)!
  const onTarget = to.ok.get(topic)!
  if (described === 'absent' || onTarget === 'absent') throw new Error(`${topic} is absent`)
  const partitions = described.partitions.map(({ partition }) => ({ topic, partition }))
  const starts = valuesOf(await source.listOffsets(partitions, 'earliest'))
  const ends = valuesOf(await target.listOffsets(partitions, 'latest'))
  const { producerId, epoch } = await target.initProducerId()
  return partitions.map(({ partition }) => {
    const key = partitionKey(topic, partition)
    return {
      topic,
      partition,
      sourceCluster: source.id,
      targetCluster: target.id,
      ...(described.topicId !== undefined && { sourceTopicId: described.topicId }),
      ...(onTarget.topicId !== undefined && { targetTopicId: onTarget.topicId }),
      sourceStart: starts.get(key)! as SourceOffset,
      targetStart: ends.get(key)! as TargetOffset,
      mode: options.mode,
      producerId,
      producerEpoch: epoch,
      fillerProducerId: options.fillerProducerId ?? -1n,
      at: new Date().toISOString(),
    }
  })
}

export const mirrorOptions = (
  source: Cluster,
  target: Cluster,
  progress: ProgressStore,
  { throttle, ...over }: Partial<Omit<MirrorOptions, 'throttle'>> & { throttle?: number } = {},
): MirrorOptions => ({
  project: 'test',
  source,
  target,
  progress,
  memoryBudget: DEFAULT_MEMORY_BUDGET,
  throttle: () => throttle,
  timings: TIMINGS,
  log: process.env.FERRY_TEST_LOG
    ? (l) => process.stderr.write(`${l.level} ${l.message}\n`)
    : () => {},
  ...over,
})

/** Waits until every partition is copied up to the source's end, or stopped. */
export const untilCopied = (
  mirror: Mirror,
  ends: ReadonlyMap<PartitionKey, bigint>,
  timeoutMs = 60_000,
): Promise<readonly PartitionReport[]> => {
  let last: readonly PartitionReport[] = []
  return waitFor('the mirror to reach the end', { timeoutMs, everyMs: 20 }, () => {
    last = mirror.reports()
    const open = last.filter(
      (r) => r.state !== 'stopped' && BigInt(r.next) < (ends.get(r.key) ?? 0n),
    )
    return open.length === 0 && last.length > 0 ? last : undefined
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last.slice(0, 8))}`)
  })
}

export const endsOf = async (
  cluster: Cluster,
  topics: readonly { readonly topic: TopicName; readonly partition: number }[],
): Promise<ReadonlyMap<PartitionKey, bigint>> =>
  valuesOf(await cluster.listOffsets(topics, 'latest'))

/** Until the leaders remember no producer of these partitions any more: nothing but the lock and the log end protect then. */
export const untilForgotten = async (
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<void> => {
  await waitFor('producers to be forgotten', { timeoutMs: 30_000 }, async () => {
    const remembered = valuesOf(await cluster.describeProducers(partitions))
    return [...remembered.values()].every(({ length }) => length === 0) || undefined
  })
}

/** A source and a target, and Ferry's ports to both. */
export interface Pair {
  readonly source: TestCluster
  readonly target: TestCluster
  readonly from: Cluster
  readonly to: Cluster
  stop(): Promise<void>
}

export const startPair = async (
  options: {
    readonly source?: Partial<StartOptions>
    readonly target?: Partial<StartOptions>
  } = {},
): Promise<Pair> => {
  const [source, target] = await Promise.all([
    startKafka({ version: '4.x', ...options.source }),
    startKafka({ version: '4.x', ...options.target }),
  ])
  const [from, to] = await Promise.all([connectTo(source, 'old'), connectTo(target, 'new')])
  return {
    source,
    target,
    from,
    to,
    stop: async () => {
      await Promise.allSettled([from.close(), to.close()])
      await Promise.all([source.stop(), target.stop()])
    },
  }
}

/** What the oracle says of a partition, but for its place: equal if the copies are. */
export const contentOf = (records: readonly OracleRecord[]) =>
  records.map(({ partition, timestamp, timestampType, keyHash, valueHash, headersHash }) => ({
    partition,
    timestamp,
    timestampType,
    keyHash,
    valueHash,
    headersHash,
  }))

/** Turns a bit of the first batch at or behind an offset on a broker's disk; answers its offsets (`to` is exclusive). */
export const damageBatch = (
  folder: string,
  from: bigint,
  byte: 'magic' | 'last',
): { readonly from: number; readonly to: number } => {
  const file = join(folder, '00000000000000000000.log')
  const log = readFileSync(file)
  let at = 0
  while (log.readBigInt64BE(at) < from) at += 12 + log.readInt32BE(at + 8)
  const place = byte === 'magic' ? at + 16 : at + 11 + log.readInt32BE(at + 8)
  const disk = openSync(file, 'r+')
  writeSync(disk, Buffer.from([log[place]! ^ 0x40]), 0, 1, place)
  closeSync(disk)
  const base = Number(log.readBigInt64BE(at))
  return { from: base, to: base + log.readInt32BE(at + 23) + 1 }
}

/** Cuts the log of a partition behind its first batches while its broker is down, as a power loss does with what was not flushed. */
export const cutLog = (folder: string, batches: number): void => {
  const file = join(folder, '00000000000000000000.log')
  const log = readFileSync(file)
  let end = 0
  for (let i = 0; i < batches && end < log.length; i++) end += 12 + log.readInt32BE(end + 8)
  truncateSync(file, end)
}
