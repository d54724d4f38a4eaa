import { type Admin, CompressionTypes, Kafka } from 'kafkajs'
import type { TestCluster } from '../test/kafka/index.ts'
import type { Tally } from './tally.ts'

const HOUR = 3_600_000
const CHUNK = 4000
const PADDING = 'x'.repeat(80)

/** A record as the producers of the demo make it: the id is theirs, and comes first. */
export const message = (id: string): string => `${id} ${PADDING}`
export const idOf = (value: Buffer | null): string => value?.toString('utf8').split(' ', 1)[0] ?? ''

/** How many records each partition gets, by their age. */
interface Filling {
  readonly partition: number
  /** Five days old: retention takes them before the demo begins. */
  readonly expired: number
  /** Thirty hours old. */
  readonly old: number
  readonly fresh: number
}

export const TOPICS: readonly {
  readonly topic: string
  readonly partitions: number
  readonly fill: readonly Filling[]
}[] = [
  {
    topic: 'orders.events',
    partitions: 4,
    fill: [0, 1, 2, 3].map((partition) => ({
      partition,
      expired: 12_000,
      old: 32_000,
      fresh: 62_000,
    })),
  },
  {
    topic: 'orders.payments',
    partitions: 3,
    // Partition 1 loses all its records to retention, partition 2 never had any.
    fill: [
      { partition: 0, expired: 0, old: 45_000, fresh: 40_000 },
      { partition: 1, expired: 15_000, old: 0, fresh: 0 },
    ],
  },
]

/** Makes the topics of the old cluster as years of use leave them, and counts what is still there as produced. */
export const fillOldCluster = async (old: TestCluster, tally: Tally): Promise<void> => {
  const kafka = new Kafka(old.kafka({ clientId: 'demo-fill' }))
  const admin = kafka.admin()
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await Promise.all([admin.connect(), producer.connect()])
  try {
    await admin.createTopics({
      topics: TOPICS.map(({ topic, partitions }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: 1,
        configEntries: [
          { name: 'retention.ms', value: String(30 * 24 * HOUR) },
          { name: 'segment.bytes', value: String(1024 * 1024) },
        ],
      })),
    })
    const ids = new Map<string, string[]>()
    const now = Date.now()
    for (const { topic, fill } of TOPICS) {
      for (const { partition, expired, old: aged, fresh } of fill) {
        const list: string[] = []
        ids.set(`${topic}:${partition}`, list)
        const write = async (count: number, from: number): Promise<void> => {
          for (let done = 0; done < count; done += CHUNK) {
            const messages = Array.from({ length: Math.min(CHUNK, count - done) }, (_, i) => {
              const id = `fill-${topic}-${partition}-${list.length}`
              list.push(id)
              return {
                key: `k${list.length % 997}`,
                value: message(id),
                partition,
                timestamp: String(from + done + i),
              }
            })
            await producer.send({
              topic,
              messages,
              compression:
                topic === 'orders.payments' ? CompressionTypes.GZIP : CompressionTypes.None,
            })
          }
        }
        await write(expired, now - 5 * 24 * HOUR)
        await write(aged, now - 30 * HOUR)
        await write(fresh, now - HOUR)
      }
    }
    await expire(admin)
    for (const { topic } of TOPICS) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        const list = ids.get(`${topic}:${partition}`) ?? []
        if (Number(high) !== list.length)
          throw new Error(`${topic}-${partition} ends at ${high}, not ${list.length}`)
        for (const id of list.slice(Number(low))) tally.produced(topic, id)
      }
    }
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()])
  }
}

/** Lowers retention and waits until the broker has deleted what it should. */
const expire = async (admin: Admin): Promise<void> => {
  const lows = async (topic: string) =>
    (await admin.fetchTopicOffsets(topic))
      .sort((a, b) => a.partition - b.partition)
      .map((o) => Number(o.low))
  await admin.alterConfigs({
    validateOnly: false,
    resources: TOPICS.map(({ topic }) => ({
      type: 2,
      name: topic,
      configEntries: [
        { name: 'retention.ms', value: String(3 * 24 * HOUR) },
        { name: 'segment.bytes', value: String(1024 * 1024) },
      ],
    })),
  })
  const deadline = Date.now() + 30_000
  for (;;) {
    const events = await lows('orders.events')
    const payments = await lows('orders.payments')
    if (events.every((low) => low > 0) && payments[1] === 15_000) return
    if (Date.now() > deadline) throw new Error(`retention did not delete: ${events} ${payments}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
