import kafkajs, { type KafkaConfig } from 'kafkajs'
import type { TestCluster } from '../kafka/index.ts'

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
