import { type Admin, Kafka } from 'kafkajs'
import { oracle, type TestCluster } from '../test/kafka/index.ts'
import type { Tally } from './tally.ts'

const HOUR = 3_600_000

/** A record as the producers of the demo make it: the id is theirs, and comes first; dots follow. */
export const message = (id: string): string => id.padEnd(100, '.')
export const idOf = (value: Buffer | null): string => value?.toString('utf8').split('.', 1)[0] ?? ''
/** A topic in ids, which hold no dots. */
export const short = (topic: string): string => topic.split('.').at(-1) ?? topic
const fillPrefix = (topic: string, partition: number): string =>
  `fill-${short(topic)}-${partition}-`

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
      old: 38_000,
      fresh: 72_000,
    })),
  },
  {
    topic: 'orders.payments',
    partitions: 3,
    // Partition 1 loses all its records to retention, partition 2 never had any.
    fill: [
      { partition: 0, expired: 0, old: 50_000, fresh: 45_000 },
      { partition: 1, expired: 15_000, old: 0, fresh: 0 },
    ],
  },
]

/** Makes the topics of the old cluster as years of use leave them, and counts what is still there as produced. */
export const fillOldCluster = async (old: TestCluster, tally: Tally): Promise<void> => {
  const kafka = new Kafka(old.kafka({ clientId: 'demo-fill' }))
  const admin = kafka.admin()
  await admin.connect()
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
    const now = Date.now()
    const counts = new Map<string, number>()
    for (const { topic, fill } of TOPICS) {
      for (const { partition, expired, old: aged, fresh } of fill) {
        let firstId = 0
        for (const [count, timestamp] of [
          [expired, now - 5 * 24 * HOUR],
          [aged, now - 30 * HOUR],
          [fresh, now - HOUR],
        ] as const) {
          if (count === 0) continue
          await oracle.produce(old, topic, {
            count,
            partitions: [partition],
            size: 100,
            keyPrefix: 'k',
            valuePrefix: fillPrefix(topic, partition),
            firstId,
            timestamp,
            timestampStep: 1,
            // The one codec that kafkajs has built in.
            compression: topic === 'orders.payments' ? 'gzip' : 'none',
          })
          firstId += count
        }
        counts.set(`${topic}:${partition}`, firstId)
      }
    }
    await expire(admin)
    for (const { topic } of TOPICS) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        const count = counts.get(`${topic}:${partition}`) ?? 0
        if (Number(high) !== count)
          throw new Error(`${topic}-${partition} ends at ${high}, not ${count}`)
        // One record per offset: what retention has left are the ids from the log start on.
        for (let id = Number(low); id < count; id++)
          tally.produced(topic, `${fillPrefix(topic, partition)}${id}`)
      }
    }
  } finally {
    await admin.disconnect()
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
