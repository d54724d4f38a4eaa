import { valuesOf } from '../domain/answers.ts'
import type { PartitionKey, TopicPartition } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'

/** Where logs end by their leaders' own word, also what is not replicated yet: right after a crash a watermark may be far too low. */
export const logEnds = async (
  cluster: Pick<Cluster, 'leaderEnds'>,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<PartitionKey, bigint>> => {
  const ends = valuesOf(await cluster.leaderEnds(partitions), { retriable: true })
  return new Map([...ends].map(([key, { end }]) => [key, end]))
}
