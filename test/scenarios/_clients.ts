import kafkajs, { type KafkaConfig } from 'kafkajs'
import type { TestCluster } from '../kafka/index.ts'

/** Writes so many records to each partition: faster than a JVM for a few. */
export const fill = async (
  cluster: TestCluster,
  topic: string,
  count: number,
  partitions: readonly number[],
): Promise<void> => {
  const producer = new kafkajs.Kafka(cluster.kafka()).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  try {
    for (const partition of partitions) {
      const messages = Array.from({ length: count }, (_, id) => ({
        partition,
        key: `key-${id}`,
        value: `value-${id}`,
      }))
      await producer.send({ topic, acks: -1, messages })
    }
  } finally {
    await producer.disconnect()
  }
}

/** A consumer that has joined its group and stays until it is stopped. */
export interface RunningConsumer {
  /** Leaves the group. */
  stop(): Promise<void>
}

/** Joins as the only member, and returns once it has its partitions. It reads, and commits nothing. */
export const startConsumer = async (
  cluster: TestCluster,
  groupId: string,
  topic: string,
  config: Partial<KafkaConfig> = {},
): Promise<RunningConsumer> => {
  const consumer = new kafkajs.Kafka(cluster.kafka(config)).consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve())
  })
  await consumer.run({ autoCommit: false, eachMessage: async () => {} })
  await joined
  return { stop: () => consumer.disconnect() }
}
