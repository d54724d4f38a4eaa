import { setTimeout as pause } from 'node:timers/promises'
import kafkajs, { type KafkaConfig } from 'kafkajs'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'

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
      const written = await producer.send({ topic, acks: -1, messages })
      // To a partition that its metadata lacks kafkajs sends nothing, and says nothing.
      if (written.length !== 1) throw new Error(`${topic}:${partition} is not there`)
    }
  } finally {
    await producer.disconnect()
  }
}

/** Writes a record to partition 0 every few milliseconds until it is stopped: its topic is never quiet. */
export const writeSteadily = async (
  cluster: TestCluster,
  topic: string,
): Promise<{ stop(): Promise<void> }> => {
  const producer = new kafkajs.Kafka(cluster.kafka()).producer()
  await producer.connect()
  let isStopping = false
  const writing = (async () => {
    for (let id = 0; !isStopping; id++) {
      const messages = [{ partition: 0, key: `key-${id}`, value: `value-${id}` }]
      await producer.send({ topic, acks: -1, messages })
      await pause(20)
    }
  })()
  writing.catch(() => {})
  return {
    stop: async () => {
      isStopping = true
      await writing.finally(() => producer.disconnect())
    },
  }
}

/** A transaction is answered as ended before its markers are in the logs; until then what is committed ends below it. */
export const untilCommitted = (cluster: TestCluster, topics: readonly string[]) =>
  waitFor(`all of ${topics} to be committed`, { timeoutMs: 30_000 }, async () => {
    const logs = [...(await oracle.offsetsMany(cluster, topics)).values()].flat()
    return logs.every(({ end, stable }) => end === stable) ? true : undefined
  })

/** Writes one record to partition 0 as a SCRAM user. `ok`, or why not. */
export const writeAs = async (
  cluster: TestCluster,
  { name, password }: { readonly name: string; readonly password: string },
  topic: string,
  value = 'of the service',
): Promise<string> => {
  const config = cluster.kafka({
    sasl: { mechanism: 'scram-sha-512', username: name, password },
    retry: { retries: 1 },
  })
  const producer = new kafkajs.Kafka(config).producer({ allowAutoTopicCreation: false })
  try {
    await producer.connect()
    await producer.send({ topic, messages: [{ partition: 0, key: name, value }] })
    return 'ok'
  } catch (error) {
    return /not authorized/i.test(String(error)) ? 'not authorized' : String(error)
  } finally {
    await producer.disconnect()
  }
}

/** A consumer of kafkajs ends with its last fetch, which waits five seconds for records by default. */
export const QUICK_TO_LEAVE = { maxWaitTimeInMs: 200 } as const

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
  const consumer = new kafkajs.Kafka(cluster.kafka(config)).consumer({ groupId, ...QUICK_TO_LEAVE })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve())
  })
  await consumer.run({ autoCommit: false, eachMessage: async () => {} })
  await joined
  return { stop: () => consumer.disconnect() }
}

/** A service that starts, commits where it says, and stops again; it reads nothing that counts. */
export const visit = async (
  cluster: TestCluster,
  groupId: string,
  position: { readonly topic: string; readonly offset: string; readonly metadata: string },
): Promise<void> => {
  const { topic } = position
  const consumer = new kafkajs.Kafka(cluster.kafka()).consumer({ groupId, ...QUICK_TO_LEAVE })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.run({ autoCommit: false, eachMessage: async () => {} })
  await joined
  await consumer.commitOffsets([{ ...position, partition: 0 }])
  await consumer.disconnect()
}

/**
 * Reads as the only member of a group from where it is, and commits the offset behind every record that it has handled. Ends after so many
 * records, or at the ends of all logs. Answers the values in the order read.
 */
export const readAndCommit = async (
  cluster: TestCluster,
  groupId: string,
  topics: readonly string[],
  atMost: number,
): Promise<string[]> => {
  const kafka = new kafkajs.Kafka(cluster.kafka())
  const left = await toRead(kafka, groupId, topics)
  const values: string[] = []
  const wanted = Math.min(atMost, left)
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 })
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      if (wanted === 0) return resolve()
      consumer
        .run({
          autoCommit: false,
          eachBatchAutoResolve: false,
          eachBatch: async ({ batch: { topic, partition, messages } }) => {
            const mine = messages.slice(0, Math.max(0, wanted - values.length))
            const last = mine.at(-1)
            if (last === undefined) return
            values.push(...mine.map((message) => message.value?.toString() ?? ''))
            const offset = String(BigInt(last.offset) + 1n)
            await consumer.commitOffsets([{ topic, partition, offset }])
            if (values.length === wanted) resolve()
            else consumer.seek({ topic, partition, offset })
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return values
}

/** How many records a group has not read yet. */
const toRead = async (
  kafka: kafkajs.Kafka,
  groupId: string,
  topics: readonly string[],
): Promise<number> => {
  const admin = kafka.admin()
  await admin.connect()
  try {
    let count = 0
    for (const topic of topics) {
      const [ends, committed] = [
        await admin.fetchTopicOffsets(topic),
        (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions ?? [],
      ]
      for (const { partition, low, high } of ends) {
        const at = Number(committed.find((c) => c.partition === partition)?.offset ?? -1)
        count += Number(high) - (at < 0 ? Number(low) : at)
      }
    }
    return count
  } finally {
    await admin.disconnect()
  }
}
