/** Requests name their partitions topic by topic. */
import { type PartitionKey, parsePartitionKey, type TopicPartition } from '../domain/ids.ts'

export const byTopic = <T>(
  keys: readonly PartitionKey[],
  each: (partition: { readonly key: PartitionKey; readonly partition: number }) => T,
): Map<string, T[]> => {
  const topics = new Map<string, T[]>()
  for (const key of keys) {
    const { topic, partition } = parsePartitionKey(key)
    const list = topics.get(topic) ?? []
    list.push(each({ key, partition }))
    topics.set(topic, list)
  }
  return topics
}

export const partitionsByTopic = (
  partitions: readonly TopicPartition[],
): ReadonlyMap<string, readonly number[]> => {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = topics.get(topic)
    if (list) list.push(partition)
    else topics.set(topic, [partition])
  }
  return topics
}
