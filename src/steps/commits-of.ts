import type { GroupId, PartitionKey } from '../domain/ids.ts'
import type { Cluster, CommittedOffset } from '../kafka/cluster.ts'
import { only } from './gates/reading.ts'

/** Every commit of one group, or an error. */
export const commitsOf = async (
  cluster: Cluster,
  group: GroupId,
): Promise<ReadonlyMap<PartitionKey, CommittedOffset>> => {
  return only(await cluster.fetchCommits([group]), group)
}
