import { FerryError } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey } from '../domain/ids.ts'
import type { Cluster, CommittedOffset } from '../kafka/cluster.ts'

/** Every commit of one group, or an error. */
export const commitsOf = async (
  cluster: Cluster,
  group: GroupId,
): Promise<ReadonlyMap<PartitionKey, CommittedOffset>> => {
  const answers = await cluster.fetchCommits([group])
  const commits = answers.ok.get(group)
  if (!commits) throw new FerryError([...answers.failed.values()])
  return commits
}
