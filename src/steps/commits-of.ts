import type { GroupId, PartitionKey } from '../domain/ids.ts'
import type { Cluster, CommittedOffset } from '../kafka/cluster.ts'
import { only } from './gates/reading.ts'

/** Every commit of one group, all of them final, or an error. */
export const commitsOf = async (
  cluster: Cluster,
  group: GroupId,
): Promise<ReadonlyMap<PartitionKey, CommittedOffset>> => {
  return only(await cluster.fetchCommits([group]), group)
}

/** What holds at this moment, also where a transaction is about to change it. To look at: nothing is written by it. */
export const commitsNow = async (
  cluster: Pick<Cluster, 'lookAtCommits'>,
  group: GroupId,
): Promise<ReadonlyMap<PartitionKey, CommittedOffset>> =>
  only(await cluster.lookAtCommits([group]), group).commits
