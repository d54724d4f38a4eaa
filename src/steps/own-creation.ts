import { valuesOf } from '../domain/answers.ts'
import { partitionKey } from '../domain/ids.ts'
import type { AskedTopic } from '../domain/state.ts'
import type { Cluster, TopicDescription } from '../kafka/cluster.ts'
import { offsetsOf } from './partitions-now.ts'

/**
 * Why a topic that is there is not the one that Ferry asked for; undefined: it is. Where the answer to a creation never came, only the topic
 * itself can tell: it was not there before, is just as it was asked for, and nobody has written to it. Throws FerryError.
 */
export const notAskedFor = async (
  cluster: Cluster,
  asked: AskedTopic,
  there: TopicDescription,
): Promise<string | undefined> => {
  const { length } = there.partitions
  if (length !== asked.partitions) return `it has ${length} partitions, not ${asked.partitions}`
  const factor = there.partitions.find(
    ({ replicas }) => replicas.length !== asked.replicationFactor,
  )
  if (asked.replicationFactor > 0 && factor !== undefined) {
    return `its replication factor is ${factor.replicas.length}, not ${asked.replicationFactor}`
  }
  const configs = valuesOf(await cluster.describeTopicConfigs([asked.topic])).get(asked.topic)
  for (const [key, value] of asked.configs) {
    const is = configs?.get(key)?.value ?? 'unset'
    if (is !== value) return `its ${key} is ${is}, not ${value}`
  }
  const partitions = there.partitions.map(({ partition }) => ({ topic: asked.topic, partition }))
  const [starts, ends] = await Promise.all([
    offsetsOf(cluster, partitions, 'earliest'),
    offsetsOf(cluster, partitions, 'latest'),
  ])
  for (const { topic, partition } of partitions) {
    const key = partitionKey(topic, partition)
    const [start, end] = [starts.get(key)!, ends.get(key)!]
    if (start !== 0n || end !== 0n) return `${key} was written to, up to offset ${end}`
  }
  return undefined
}
