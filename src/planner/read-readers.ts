import { valuesOf } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'
import {
  type GroupId,
  parsePartitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import type { Reader } from '../domain/step.ts'
import type { Cluster, CommitsSeen } from '../kafka/cluster.ts'
import { hiddenGroups } from '../survey/hidden-groups.ts'

type GroupsOf = Pick<Cluster, 'name' | 'describeCluster' | 'listGroups' | 'lookAtCommits'>

/** The commits of every consumer group of a cluster, also of those that no plan file names; `of`: only these partitions. Throws FerryError. */
export const readAllCommits = async (
  cluster: GroupsOf,
  of?: readonly TopicPartition[],
): Promise<ReadonlyMap<GroupId, CommitsSeen>> => {
  const [listed, hidden] = await Promise.all([cluster.listGroups(), hiddenGroups(cluster)])
  // Who would lose what is not to be told from a short list.
  if (hidden) throw new FerryError(hidden)
  const ids = listed
    .filter(({ protocolType }) => protocolType === '' || protocolType === 'consumer')
    .map(({ id }) => id)
  if (ids.length === 0) return new Map()
  return valuesOf(await cluster.lookAtCommits(ids, of))
}

/** Every group of a cluster that has a position in one of the topics, also groups that no plan file names. Throws FerryError. */
export const readReaders = async (
  cluster: GroupsOf,
  topics: readonly TopicName[],
): Promise<ReadonlyMap<TopicName, readonly Reader[]>> => {
  const readers = new Map<TopicName, Reader[]>(topics.map((topic) => [topic, []]))
  for (const [group, { commits }] of await readAllCommits(cluster)) {
    const positions = new Map<TopicName, number>()
    for (const key of commits.keys()) {
      const { topic } = parsePartitionKey(key)
      positions.set(topic, (positions.get(topic) ?? 0) + 1)
    }
    for (const [topic, count] of positions) readers.get(topic)?.push({ group, positions: count })
  }
  for (const groups of readers.values()) groups.sort((a, b) => (a.group < b.group ? -1 : 1))
  return readers
}
