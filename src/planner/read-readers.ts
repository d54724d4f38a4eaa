import { FerryError } from '../domain/diagnostic.ts'
import { type GroupId, parsePartitionKey, type TopicName } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'

/** Every group of a cluster that has a position in one of the topics, also groups that no plan file names. Throws FerryError. */
export const readReaders = async (
  cluster: Pick<Cluster, 'listGroups' | 'fetchCommits'>,
  topics: readonly TopicName[],
): Promise<ReadonlyMap<TopicName, readonly GroupId[]>> => {
  const readers = new Map<TopicName, GroupId[]>(topics.map((topic) => [topic, []]))
  const listed = await cluster.listGroups()
  const ids = listed
    .filter(({ protocolType }) => protocolType === '' || protocolType === 'consumer')
    .map(({ id }) => id)
  if (ids.length === 0) return readers
  const commits = await cluster.fetchCommits(ids)
  if (commits.failed.size > 0) throw new FerryError([...commits.failed.values()])
  for (const [id, committed] of commits.ok) {
    const read = new Set([...committed.keys()].map((key) => parsePartitionKey(key).topic))
    for (const topic of read) readers.get(topic)?.push(id)
  }
  for (const groups of readers.values()) groups.sort()
  return readers
}
