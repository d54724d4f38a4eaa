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

/** A partition in which a group stands otherwise than it did. Undefined: without a position. */
export interface MovedCommit {
  readonly key: PartitionKey
  readonly was: bigint | undefined
  readonly is: bigint | undefined
}

/** The first of those that are asked for; undefined: it stands where it stood. */
export const firstMoved = (
  before: ReadonlyMap<PartitionKey, CommittedOffset>,
  after: ReadonlyMap<PartitionKey, CommittedOffset>,
  isAsked: (key: PartitionKey) => boolean,
): MovedCommit | undefined => {
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(key)?.offset, after.get(key)?.offset]
    if (was !== is && isAsked(key)) return { key, was, is }
  }
  return undefined
}

/** What holds at this moment, also where a transaction is about to change it. To look at: nothing is written by it. */
export const commitsNow = async (
  cluster: Pick<Cluster, 'lookAtCommits'>,
  group: GroupId,
): Promise<ReadonlyMap<PartitionKey, CommittedOffset>> =>
  only(await cluster.lookAtCommits([group]), group).commits
