import { connect } from 'node:net'
import kafkajs, { type KafkaConfig } from 'kafkajs'
import { waitFor } from './wait.ts'

/** What must be true before a test may use a cluster. */
export interface ReadyOptions {
  readonly config: KafkaConfig
  /** Of the one broker that is asked which brokers there are. */
  readonly port: number
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
  const { config, port, brokers, hasProducerIds, timeoutMs, orFail } = options
  const patience = { connectionTimeout: 5_000, requestTimeout: 10_000, retry: { retries: 0 } }
  const kafka = new kafkajs.Kafka({ ...config, ...patience })
  // kafkajs asks whichever broker it has heard of: here each of them is this one.
  const one = new kafkajs.Kafka({
    ...config,
    ...patience,
    socketFactory: ({ onConnect }) => connect(port, '127.0.0.1', onConnect),
  })
  return waitFor(`${brokers} broker(s) at ${config.brokers}`, { timeoutMs, orFail }, async () => {
    const [asking, admin] = [one.admin(), kafka.admin()]
    const producer = hasProducerIds
      ? kafka.producer({ idempotent: true, retry: { retries: 1, initialRetryTime: 50 } })
      : undefined
    try {
      await asking.connect()
      const cluster = await asking.describeCluster()
      if (cluster.brokers.length < brokers) return undefined
      await admin.connect()
      // Else it knows no broker to look for the coordinator with.
      await admin.describeCluster()
      await admin.fetchOffsets({ groupId: 'ferry-ready', topics: [] })
      await producer?.connect()
      return { clusterId: cluster.clusterId }
    } finally {
      await Promise.allSettled([asking, admin, producer].map((each) => each?.disconnect()))
    }
  })
}
