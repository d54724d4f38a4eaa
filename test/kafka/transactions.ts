import kafkajs from 'kafkajs'
import type { TestCluster } from './test-cluster.ts'

/**
 * A commit or an abort is answered before its markers are in the logs: waits until those of the last transaction are, as whoever takes the
 * transactional id next is made to. The oracle does so by itself.
 */
export const untilMarked = async (
  cluster: Pick<TestCluster, 'kafka'>,
  transactionalId: string,
): Promise<void> => {
  const retry = { initialRetryTime: 20, maxRetryTime: 200, retries: 300 }
  const producer = new kafkajs.Kafka(cluster.kafka({ retry })).producer({
    transactionalId,
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  try {
    await (await producer.transaction()).abort()
  } finally {
    await producer.disconnect()
  }
}
