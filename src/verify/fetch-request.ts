import type { TopicName } from '../domain/ids.ts'
import type { FetchRequest } from '../kafka/cluster.ts'
import type { LogStream } from './log-stream.ts'

/** Bytes of one answer, over all partitions; brokers pass it by one batch at most. */
const MOST_ANSWER_BYTES = 8 * 1024 * 1024
const MAX_WAIT_MS = 500

/** One request for all of them, in their order: a broker fills its answer front to back. */
export const requestOf = (
  readings: readonly { readonly stream: LogStream; readonly maxBytes: number }[],
): FetchRequest => {
  const topics = new Map<
    TopicName,
    { partition: number; fetchOffset: number; maxBytes: number }[]
  >()
  let maxBytes = 0
  for (const { stream, maxBytes: most } of readings) {
    const { topic, partition } = stream.range
    const partitions = topics.get(topic) ?? []
    topics.set(topic, partitions)
    partitions.push({ partition, fetchOffset: stream.fetchOffset, maxBytes: most })
    maxBytes += most
  }
  return {
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    maxWaitMs: MAX_WAIT_MS,
    minBytes: 1,
    maxBytes: Math.min(maxBytes, MOST_ANSWER_BYTES),
    isolation: 'read-committed',
  }
}
