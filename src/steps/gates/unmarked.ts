import type { PartitionKey, TopicName, TopicPartition } from '../../domain/ids.ts'
import type { Cluster } from '../../kafka/cluster.ts'
import { offsetsOf, type PartitionNow } from '../partitions-now.ts'
import { only } from './reading.ts'

/** Partitions that came on a cluster since the mark: nothing copies them. Undefined: there are none. */
export const unmarked = async (
  cluster: Cluster,
  partitions: readonly PartitionNow[],
): Promise<
  { readonly topic: TopicName; readonly added: readonly TopicPartition[] } | undefined
> => {
  const marks = new Map<TopicName, number>()
  for (const { mark } of partitions) marks.set(mark.topic, (marks.get(mark.topic) ?? 0) + 1)
  const described = await cluster.describeTopics([...marks.keys()])
  for (const [topic, marked] of marks) {
    const found = only(described, topic)
    if (found === 'absent' || found.partitions.length <= marked) continue
    const added = found.partitions.slice(marked)
    return { topic, added: added.map(({ partition }) => ({ topic, partition })) }
  }
  return undefined
}

/** A partition that came after the seal matters once there is something in it. */
export const filledUnmarked = async (
  cluster: Cluster,
  partitions: readonly PartitionNow[],
): Promise<readonly PartitionKey[]> => {
  const grown = await unmarked(cluster, partitions)
  if (grown === undefined) return []
  const [starts, ends] = await Promise.all([
    offsetsOf(cluster, grown.added, 'earliest'),
    offsetsOf(cluster, grown.added, 'latest'),
  ])
  return [...ends].filter(([key, end]) => end !== starts.get(key)).map(([key]) => key)
}
