import {
  type GroupId,
  type PartitionKey,
  parsePartitionKey,
  type TopicName,
} from '../../domain/ids.ts'
import type { GroupSync } from '../../domain/moved-groups.ts'
import type { Strayed } from '../../domain/strayed.ts'
import type { Cluster, GroupDescription, GroupMember } from '../../kafka/cluster.ts'
import { goneFromTarget, liveOnTarget, movedOnSource } from '../moved-since-sync.ts'
import type { Clusters, Gate, GateReading, Run } from '../step-kind.ts'
import { allOf, type Fact, gateOf, told } from './fact.ts'
import { firstOf, HOLDS, named, never, only, waits } from './reading.ts'

/** Facts about the groups of a migration. */

const described = async (
  run: Run,
  side: keyof Clusters,
  group: GroupId,
): Promise<GroupDescription> => only(await run.clusters[side].describeGroups([group]), group)

interface GroupOf {
  readonly group: GroupId
}

/** What Ferry has no way to move: its positions are not plain offsets, or belong to somebody who keeps more than them. */
export const GROUP_MOVABLE: Fact<GroupOf, GroupDescription> = {
  name: 'group-movable',
  title: ({ group }) => `${group} is a group of consumers`,
  reads: 'DescribeGroups; ConsumerGroupDescribe and ListGroups where the broker has them',
  judge: ({ type, protocolType, state }) => {
    if (state === 'absent') return HOLDS
    if (type === 'share') {
      return never(
        'it is a share group: which of its records are done is kept record by record, and no offset says it',
      )
    }
    if (type === 'streams') {
      return never(
        'it is a Streams group: its positions go with changelog topics that only its own reset tool can move',
      )
    }
    return protocolType === '' || protocolType === 'consumer'
      ? HOLDS
      : never(`its members speak the protocol ${protocolType}, not that of consumers`)
  },
}

interface GroupOn extends GroupOf {
  readonly side: keyof Clusters
}
interface GroupSeen {
  readonly cluster: string
  readonly description: GroupDescription
}

/** No members and no rebalance under way: nobody can commit, and a commit with generation -1 is accepted. */
export const GROUP_EMPTY: Fact<GroupOn, GroupSeen> = {
  name: 'group-empty',
  title: ({ group, side }) => `${group} has no consumers on the ${side}`,
  reads: GROUP_MOVABLE.reads,
  judge: ({ cluster, description }, of) => {
    const { state, members } = description
    const movable = told(GROUP_MOVABLE, description, of)
    if (!movable.holds) return movable
    const isGone = state === 'absent' || state === 'empty' || state === 'dead'
    if (isGone && members.length === 0) return HOLDS
    const who = members.length > 0 ? named(members) : `state ${state}`
    return waits(`stop its consumers on ${cluster}: ${who}`)
  },
}

export const groupIsEmpty = (group: GroupId, side: keyof Clusters): Gate =>
  gateOf(
    GROUP_EMPTY,
    { group, side },
    {
      after: true,
      look: async (run) => ({
        cluster: run.clusters[side].name,
        description: await described(run, side, group),
      }),
    },
  )

/** OffsetFetch v7 (2.5) says so itself where a position is part of an open transaction. */
const REQUIRE_STABLE = 7
/** ListOffsets v2 (0.11) knows transactions; without them nothing can be pending. */
const KNOWS_TRANSACTIONS = 2
const COMMITS = '__consumer_offsets' as Parameters<Cluster['describeTopics']>[0][number]

/** `told`: by the group's coordinator; `log`: by the partition that holds its positions, with those of others. */
type PendingSeen = { readonly cluster: string } & (
  | { readonly by: 'told'; readonly pending: readonly PartitionKey[] }
  | {
      readonly by: 'log'
      readonly partition: number
      readonly stable: bigint
      readonly end: bigint
    }
  | { readonly by: 'version' }
)

/**
 * No transaction that is still open has positions of the group in it: a service that reads, processes and writes commits them with its
 * results, and what was read before the end of the transaction is not what holds after it.
 */
export const COMMITS_STABLE: Fact<GroupOf, readonly PendingSeen[]> = {
  name: 'commits-stable',
  title: ({ group }) => `no position of ${group} is in an open transaction`,
  reads: `OffsetFetch with RequireStable; before 2.5 ListOffsets of ${COMMITS}`,
  judge: (sides) => allOf(sides.map(isStable)),
}

const isStable = (seen: PendingSeen): GateReading => {
  if (seen.by === 'version') return HOLDS
  if (seen.by === 'told') {
    return seen.pending.length === 0
      ? HOLDS
      : waits(
          `a transaction with positions of it is open on ${seen.cluster}, in ${firstOf(seen.pending)}; it ends by itself, or with its timeout`,
        )
  }
  if (seen.stable >= seen.end) return HOLDS
  return waits(
    `a transaction with positions is open in ${COMMITS}:${seen.partition} on ${seen.cluster} from offset ${seen.stable}, ` +
      'and Kafka before 2.5 does not tell of which group; it ends by itself, or with its timeout',
  )
}

/** On the target too: what Ferry writes there would stand instead of what the transaction brings. */
export const commitsAreStable = (
  group: GroupId,
  topics: readonly TopicName[],
  sides: readonly (keyof Clusters)[] = ['source', 'target'],
): Gate =>
  gateOf(
    COMMITS_STABLE,
    { group },
    {
      after: true,
      look: ({ clusters }) =>
        Promise.all(sides.map((side) => pendingOn(clusters[side], group, topics))),
    },
  )

const pendingOn = async (
  on: Cluster,
  group: GroupId,
  topics: readonly TopicName[],
): Promise<PendingSeen> => {
  if ((on.supports('OffsetFetch') ?? 0) < REQUIRE_STABLE) return pendingByLog(on, group)
  const described = await on.describeTopics(topics)
  const of = topics.flatMap((topic) => {
    const found = only(described, topic)
    return found === 'absent' ? [] : found.partitions.map(({ partition }) => ({ topic, partition }))
  })
  const { pending } = only(await on.lookAtCommits([group], of), group)
  return { cluster: on.name, by: 'told', pending }
}

/** Brokers before 2.5: the log that holds the group's positions tells, by a last stable offset below its end. */
const pendingByLog = async (on: Cluster, group: GroupId): Promise<PendingSeen> => {
  const cluster = on.name
  if ((on.supports('ListOffsets') ?? 0) < KNOWS_TRANSACTIONS) return { cluster, by: 'version' }
  const topic = only(await on.describeTopics([COMMITS]), COMMITS)
  if (topic === 'absent') return { cluster, by: 'version' }
  const partition = positionsPartition(group, topic.partitions.length)
  const place = [{ topic: COMMITS, partition }]
  // The end first: it can only grow, and a transaction that begins after it is not one of before.
  const end = only(await on.listOffsets(place, 'latest'), `${COMMITS}:${partition}` as never)
  const stable = only(await on.listOffsets(place, 'stable'), `${COMMITS}:${partition}` as never)
  return { cluster, by: 'log', partition, stable, end }
}

/** The partition of `__consumer_offsets` that holds a group: `Utils.abs(groupId.hashCode()) % count` in Kafka's GroupMetadataManager. */
export const positionsPartition = (group: string, count: number): number => {
  let hash = 0
  for (let i = 0; i < group.length; i++) hash = (Math.imul(hash, 31) + group.charCodeAt(i)) | 0
  return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % count
}

interface BothSeen {
  readonly here: GroupSeen
  readonly there: GroupSeen
}

/** Nobody reads on the source any more. */
export const MEMBERS_GONE: Fact<GroupOf, GroupSeen> = {
  name: 'members-gone',
  title: ({ group }) => `${group} does not run on the source`,
  reads: GROUP_MOVABLE.reads,
  judge: ({ cluster, description: { members } }) =>
    members.length > 0 ? waits(`${named(members)} still on ${cluster}`) : HOLDS,
}

/** The service lives on the target now. */
export const MEMBERS_MOVED: Fact<GroupOf, BothSeen> = {
  name: 'members-moved',
  title: ({ group }) => `${group} has consumers on the target and none on the source`,
  reads: GROUP_MOVABLE.reads,
  judge: ({ here, there }, of) =>
    allOf([
      MEMBERS_GONE.judge(here, of),
      there.description.members.length > 0
        ? HOLDS
        : waits(`start its consumers on ${there.cluster}`),
    ]),
}

export const groupHasMoved = (group: GroupId): Gate => {
  const seen = async (run: Run, side: keyof Clusters): Promise<GroupSeen> => ({
    cluster: run.clusters[side].name,
    description: await described(run, side, group),
  })
  return {
    title: MEMBERS_MOVED.title({ group }),
    after: true,
    check: async (run, moment) => {
      const [there, here] = await Promise.all([seen(run, 'target'), seen(run, 'source')])
      // That the service is restarted just then on the target takes nothing back; that it runs on the source does.
      return moment === 'after'
        ? told(MEMBERS_GONE, here, { group })
        : MEMBERS_MOVED.judge({ here, there }, { group })
    },
  }
}

interface SyncedSeen {
  readonly groups: readonly GroupId[]
  readonly synced: ReadonlySet<GroupId>
  readonly source: string
  readonly target: string
  /** Of the synced groups; none once consumers have been let in: then the source no longer says where they are. */
  readonly here: readonly {
    readonly group: GroupId
    readonly members: readonly GroupMember[]
    readonly strayed: Strayed | undefined
    readonly pending: readonly PartitionKey[]
    /** What was written for it on the target and is not there any more. */
    readonly gone: readonly PartitionKey[]
  }[]
}

/** The positions of every group were written and proved, are still there, and are still those of its next unread record. */
export const GROUPS_SYNCED: Fact<null, SyncedSeen> = {
  name: 'groups-synced',
  title: () => 'every group is synced',
  reads:
    "Ferry's own decisions; DescribeGroups and OffsetFetch on the source, OffsetFetch on the target",
  judge: ({ groups, synced, source, target, here }) => {
    const missing = groups.filter((group) => !synced.has(group))
    if (missing.length > 0) return never(`${missing.join(', ')} not synced`)
    const moved = here.find(({ strayed }) => strayed !== undefined)
    if (moved?.strayed) {
      const { key, synced: was, now } = moved.strayed
      return never(
        `${moved.group} was synced ${was === undefined ? 'without a position' : `at ${was}`} of ${key} and is at ${now} on ${source}: stop its consumers there and make a new plan, which syncs it again`,
      )
    }
    const lost = here.find(({ gone }) => gone.length > 0)
    if (lost) {
      return never(
        `${lost.group} has no position any more in ${firstOf(lost.gone)} on ${target}, where it was synced: it expired or was deleted. Make a new plan, which says how it goes on`,
      )
    }
    const running = here.find(({ members }) => members.length > 0)
    if (running) {
      return waits(`stop the consumers of ${running.group} on ${source}: ${named(running.members)}`)
    }
    const open = here.find(({ pending }) => pending.length > 0)
    if (!open) return HOLDS
    return told(COMMITS_STABLE, [{ cluster: source, by: 'told', pending: open.pending }], open)
  },
}

export const groupsAreSynced = (): Gate =>
  gateOf(GROUPS_SYNCED, null, {
    after: false,
    look: async (run) => {
      const state = run.state()
      const topics = new Set(run.migration.topics.map(({ name }) => name))
      const isOurs = (key: PartitionKey) => topics.has(parsePartitionKey(key).topic)
      const done = state.syncs.filter(
        (sync) => sync.status === 'done' && ![...(sync.adding?.keys() ?? [])].some(isOurs),
      )
      return {
        groups: run.migration.groups.map(({ id }) => id),
        synced: new Set(done.map((sync) => sync.group)),
        source: run.clusters.source.name,
        target: run.clusters.target.name,
        here: liveOnTarget(run.migration, state) ? [] : await seenOfSynced(run, done),
      }
    },
  })

/** Members first: who commits and leaves after they were looked for is seen by the commits. */
const seenOfSynced = async (run: Run, syncs: readonly GroupSync[]): Promise<SyncedSeen['here']> => {
  const { source, target } = run.clusters
  const ids = syncs.map(({ group }) => group)
  const descriptions = await source.describeGroups(ids)
  const members = new Map(ids.map((id) => [id, only(descriptions, id).members]))
  const [seen, there] = [await source.lookAtCommits(ids), await target.lookAtCommits(ids)]
  return syncs.map((sync) => {
    const { commits, pending } = only(seen, sync.group)
    return {
      group: sync.group,
      members: members.get(sync.group)!,
      strayed: movedOnSource(run.state(), sync, commits),
      pending,
      gone: goneFromTarget(run.state(), sync, only(there, sync.group).commits),
    }
  })
}
