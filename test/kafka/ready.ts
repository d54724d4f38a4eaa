import kafkajs, { type KafkaConfig } from 'kafkajs'
import { waitFor } from './wait.ts'

/** What must be true before a test may use a cluster. */
export interface ReadyOptions {
  readonly config: KafkaConfig
  readonly brokers: number
  /** InitProducerId exists since 0.11. */
  readonly hasProducerIds: boolean
  readonly timeoutMs: number
  /** Throws when waiting on makes no sense, such as after the end of a broker. */
  readonly orFail: () => void
}

/**
 * Waits until all brokers are in the metadata, a group coordinator answers and producer ids are
 * given out. Asks for things only, so that it leaves no group and no transactional id behind.
 */
export async function waitUntilReady(options: ReadyOptions): Promise<{ clusterId: string }> {
  const { config, brokers, hasProducerIds, timeoutMs, orFail } = options
  const kafka = new kafkajs.Kafka({
    ...config,
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
    retry: { retries: 0 },
  })
  return waitFor(`${brokers} broker(s) at ${config.brokers}`, { timeoutMs, orFail }, async () => {
    const admin = kafka.admin()
    const producer = hasProducerIds
      ? kafka.producer({ idempotent: true, retry: { retries: 1, initialRetryTime: 50 } })
      : undefined
    try {
      await admin.connect()
      const cluster = await admin.describeCluster()
      if (cluster.brokers.length < brokers) return undefined
      await admin.fetchOffsets({ groupId: 'ferry-ready', topics: [] })
      await producer?.connect()
      return { clusterId: cluster.clusterId }
    } finally {
      await Promise.allSettled([admin.disconnect(), producer?.disconnect()])
    }
  })
}
