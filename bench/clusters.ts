import { FerryError } from '../src/domain/diagnostic.ts'
import type { TopicName } from '../src/domain/ids.ts'
import type { Cluster } from '../src/kafka/cluster.ts'
import { startKafka, type TestCluster } from '../test/kafka/index.ts'
import { oracle } from '../test/kafka/oracle.ts'
import { waitFor } from '../test/kafka/wait.ts'
import { connectTo, createTopic } from '../test/mirror/_support.ts'
import { type BenchCase, offsetsOf } from './cases.ts'

/** One real broker on each side, and ports to them for setting up and watching. */
export interface BenchClusters {
  readonly source: TestCluster
  readonly target: TestCluster
  readonly from: Cluster
  readonly to: Cluster
  stop(): Promise<void>
}

/** With the JVM's own choice of compiler and collector, as in production. */
export const startClusters = async (): Promise<BenchClusters> => {
  const options = {
    version: '4.x',
    heap: '1g',
    jvmFlags: [],
    config: {
      // What was copied is deleted after each measurement, and must be gone before the next.
      'log.segment.delete.delay.ms': '500',
      // Enough for half a GB. A broker maps two files of this size at the first append to a partition, and the kernel reads ahead in them,
      // up to all of it: of the 10 MB that are Kafka's default, a thousand times, that took 2 s of the target's CPU, whoever copied.
      'log.index.size.max.bytes': String(1024 * 1024),
    },
  } as const
  const [source, target] = await Promise.all([startKafka(options), startKafka(options)])
  const [from, to] = await Promise.all([connectTo(source, 'source'), connectTo(target, 'target')])
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

export const partitionsOf = ({ topic, partitions }: Pick<BenchCase, 'topic' | 'partitions'>) =>
  Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))

/** Log ends of a topic that begins at 0, together. */
export const offsetsIn = async (
  cluster: Cluster,
  of: Pick<BenchCase, 'topic' | 'partitions'>,
): Promise<number> => {
  const { ok, failed } = await cluster.listOffsets(partitionsOf(of), 'latest')
  for (const problem of failed.values()) throw new FerryError(problem)
  return [...ok.values()].reduce((sum, end) => sum + Number(end), 0)
}

/** Creates and fills the topic of a case on the source. */
export const fill = async (clusters: BenchClusters, c: BenchCase): Promise<void> => {
  const { source, from } = clusters
  await createTopic(from, c.topic, c.partitions)
  await oracle.produce(source, c.topic, {
    count: c.records,
    size: c.size,
    noise: c.noise,
    batchSize: c.batchSize,
    // So long that batches are full, also those of a thousand partitions.
    lingerMs: c.batchSize === 0 ? 0 : 1_000,
    compression: c.compression,
    partitions: partitionsOf(c).map(({ partition }) => partition),
    ...(c.commitEvery !== undefined && {
      transactionalId: c.topic,
      commitEvery: c.commitEvery,
    }),
    timeoutMs: 600_000,
  })
  const found = await offsetsIn(from, c)
  if (found !== offsetsOf(c)) throw new Error(`${c.topic} has ${found} of ${offsetsOf(c)} offsets`)
}

/** Deletes topics and waits until the cluster no longer knows them. */
export const deleteTopics = async (
  cluster: Cluster,
  doomed: (topic: TopicName) => boolean,
): Promise<void> => {
  const topics = (await cluster.listTopics()).filter(doomed)
  if (topics.length === 0) return
  const { failed } = await cluster.deleteTopics(topics)
  for (const problem of failed.values()) throw new FerryError(problem)
  await waitFor('topics to be gone', { timeoutMs: 60_000 }, async () => {
    const left = await cluster.listTopics()
    return left.some((topic) => topics.includes(topic)) ? undefined : true
  })
}
