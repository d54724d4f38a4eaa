import type { GroupId, TopicName } from '../../domain/ids.ts'
import type { Cluster, GroupDescription } from '../../kafka/cluster.ts'
import type { Clusters, Gate, Run } from '../step-kind.ts'
import { HOLDS, named, never, only, waits } from './reading.ts'

/** Facts about the groups of a migration. */

const described = async (
  run: Run,
  side: keyof Clusters,
  group: GroupId,
): Promise<GroupDescription> => only(await run.clusters[side].describeGroups([group]), group)

/** What Ferry has no way to move: its positions are not plain offsets, or belong to somebody who keeps more than them. */
const notMovable = ({ type, protocolType }: GroupDescription): string | undefined => {
  if (type === 'share') {
    return 'it is a share group: which of its records are done is kept record by record, and no offset says it'
  }
  if (type === 'streams') {
    return 'it is a Streams group: its positions go with changelog topics that only its own reset tool can move'
  }
  return protocolType === '' || protocolType === 'consumer'
    ? undefined
    : `its members speak the protocol ${protocolType}, not that of consumers`
}

/** No members and no rebalance under way: nobody can commit, and a commit with generation -1 is accepted. */
export const groupIsEmpty = (group: GroupId, side: keyof Clusters): Gate => ({
  title: `${group} has no consumers on the ${side}`,
  after: true,
  check: async (run) => {
    const description = await described(run, side, group)
    const { state, members } = description
    const reason = state === 'absent' ? undefined : notMovable(description)
    if (reason !== undefined) return never(reason)
    const isGone = state === 'absent' || state === 'empty' || state === 'dead'
    if (isGone && members.length === 0) return HOLDS
    const who = members.length > 0 ? named(members) : `state ${state}`
    return waits(`stop its consumers on ${run.clusters[side].name}: ${who}`)
  },
})

/** OffsetFetch v7 (2.5) says so itself where a position is part of an open transaction. */
const REQUIRE_STABLE = 7
/** ListOffsets v2 (0.11) knows transactions; without them nothing can be pending. */
const KNOWS_TRANSACTIONS = 2
const COMMITS = '__consumer_offsets' as Parameters<Cluster['describeTopics']>[0][number]

/**
 * No transaction that is still open has positions of the group in it: a service that reads, processes and writes commits them with its
 * results, and what was read before the end of the transaction is not what holds after it.
 */
export const commitsAreStable = (group: GroupId, topics: readonly TopicName[]): Gate => ({
  title: `no position of ${group} is in an open transaction`,
  after: true,
  check: async (run) => {
    const { source } = run.clusters
    if ((source.supports('OffsetFetch') ?? 0) < REQUIRE_STABLE) return stableByLog(source, group)
    const described = await source.describeTopics(topics)
    const of = topics.flatMap((topic) => {
      const found = only(described, topic)
      return found === 'absent'
        ? []
        : found.partitions.map(({ partition }) => ({ topic, partition }))
    })
    const answers = await source.fetchCommits([group], { of, once: true })
    if (answers.failed.get(group)?.code === 'FERRY1214') {
      return waits(
        `a transaction with positions of it is open on ${source.name}; it ends by itself, or with its timeout`,
      )
    }
    only(answers, group)
    return HOLDS
  },
})

/** Brokers before 2.5: the log that holds the group's positions tells, by a last stable offset below its end. */
const stableByLog = async (source: Cluster, group: GroupId) => {
  if ((source.supports('ListOffsets') ?? 0) < KNOWS_TRANSACTIONS) return HOLDS
  const topic = only(await source.describeTopics([COMMITS]), COMMITS)
  if (topic === 'absent') return HOLDS
  const partition = positionsPartition(group, topic.partitions.length)
  const place = [{ topic: COMMITS, partition }]
  // The end first: it can only grow, and a transaction that begins after it is not one of before.
  const end = only(await source.listOffsets(place, 'latest'), `${COMMITS}:${partition}` as never)
  const stable = only(await source.listOffsets(place, 'stable'), `${COMMITS}:${partition}` as never)
  if (stable >= end) return HOLDS
  return waits(
    `a transaction with positions is open in ${COMMITS}:${partition} on ${source.name} from offset ${stable}, ` +
      'and Kafka before 2.5 does not tell of which group; it ends by itself, or with its timeout',
  )
}

/** The partition of `__consumer_offsets` that holds a group: `Utils.abs(groupId.hashCode()) % count` in Kafka's GroupMetadataManager. */
export const positionsPartition = (group: string, count: number): number => {
  let hash = 0
  for (let i = 0; i < group.length; i++) hash = (Math.imul(hash, 31) + group.charCodeAt(i)) | 0
  return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % count
}

/** The service lives on the target now. */
export const groupHasMoved = (group: GroupId): Gate => ({
  title: `${group} has consumers on the target and none on the source`,
  check: async (run) => {
    const [there, here] = await Promise.all([
      described(run, 'target', group),
      described(run, 'source', group),
    ])
    const { source, target } = run.clusters
    if (here.members.length > 0) return waits(`${named(here.members)} still on ${source.name}`)
    return there.members.length > 0 ? HOLDS : waits(`start its consumers on ${target.name}`)
  },
})

/** The positions of every group were written and proved. */
export const groupsAreSynced = (): Gate => ({
  title: 'every group is synced',
  check: async (run) => {
    const done = run.state().syncs.filter((s) => s.status === 'done')
    const synced = new Set(done.map((s) => s.group))
    const missing = run.migration.groups.filter((g) => !synced.has(g.id))
    return missing.length === 0 ? HOLDS : never(`${missing.map((g) => g.id).join(', ')} not synced`)
  },
})
