import { valuesOf } from '../domain/answers.ts'
import { type PartitionKey, partitionKey, type TopicPartition } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { offsetsOf } from './partitions-now.ts'

/** OffsetForLeaderEpoch v2 (2.1) takes the leader's epoch; it answers the log end, where ListOffsets answers the high watermark. */
const TELLS_LOG_END = 2

/** Where logs end by their leaders' own word, also what is not replicated yet: right after a crash a watermark may be far too low. */
export const logEnds = async (
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<PartitionKey, bigint>> => {
  const watermarks = await offsetsOf(cluster, partitions, 'latest')
  if ((cluster.supports('OffsetForLeaderEpoch') ?? 0) < TELLS_LOG_END) return watermarks
  const asked = partitions.map(({ topic, partition }) => partitionKey(topic, partition))
  const ends = await cluster.epochEnds(new Map(asked.map((key) => [key, 'current'])))
  return new Map(
    [...valuesOf(ends, { retriable: true })].map(([key, { endOffset }]) => [
      key,
      endOffset < 0n ? watermarks.get(key)! : endOffset,
    ]),
  )
}
