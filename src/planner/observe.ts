import type { Diagnostic } from '../domain/diagnostic.ts'
import { didYouMean } from '../domain/did-you-mean.ts'
import { type GroupId, type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { Cluster, ConfigEntry, OffsetAt, TopicDescription } from '../kafka/cluster.ts'
import type { Clusters } from '../steps/step-kind.ts'
import { attempt, taken } from './answers.ts'
import { mayBeGone } from './may-be-gone.ts'
import { observeCoverage } from './observe-coverage.ts'
import { observeRemoved } from './observe-removed.ts'
import type {
  Observed,
  ObservedGroup,
  ObservedPartition,
  ObservedSide,
  ObservedTopic,
} from './observed.ts'
import { samplePartitions } from './sample-partitions.ts'

export interface ObserveAsks {
  /** False: nobody is told of a topic that is not there, so that none has to be found that was probably meant. Lists all topics of the source. */
  readonly meant?: boolean
}

/**
 * Reads what the planner needs from both clusters, in a number of requests that grows with brokers. Read-only.
 * A read that fails becomes a problem of the result, never an empty answer; a cluster that cannot be reached at all throws.
 */
export const observe = async (
  clusters: Clusters,
  migration: Migration,
  now: () => Date,
  signal: AbortSignal,
  asks: ObserveAsks = {},
): Promise<Observed> => {
  const problems: Diagnostic[] = []
  const [source, target, removed] = await Promise.all([
    observeSide(clusters.source, migration, 'source', problems, signal, asks),
    observeSide(clusters.target, migration, 'target', problems, signal),
    observeRemoved(clusters, migration, problems),
  ])
  // They come in the order of the answers: the same plan must be the same text.
  problems.sort(byCodeAndDetail)
  return { at: now().toISOString(), source, target, removed, problems }
}

const byCodeAndDetail = (one: Diagnostic, other: Diagnostic): number => {
  const [a, b] = [`${one.code} ${one.detail}`, `${other.code} ${other.detail}`]
  return a < b ? -1 : a > b ? 1 : 0
}

const observeSide = async (
  cluster: Cluster,
  migration: Migration,
  side: 'source' | 'target',
  problems: Diagnostic[],
  signal: AbortSignal,
  { meant = true }: ObserveAsks = {},
): Promise<ObservedSide> => {
  const names = migration.topics.map((t) => t.name)
  const groupIds = migration.groups.map((g) => g.id)
  const userNames = [...new Set(migration.users.map((u) => u.name))]
  const description = await cluster.describeCluster()
  const onTarget = side === 'target'
  const [{ topics, absent: absentTopics }, groups, brokerConfigs, acls, users, quotas] =
    await Promise.all([
      observeTopics(cluster, names, side, problems, signal),
      observeGroups(cluster, groupIds, problems),
      attempt(
        () => readBrokerConfigs(cluster, description.brokers[0]?.nodeId),
        new Map<string, ConfigEntry>(),
        problems,
      ),
      onTarget
        ? attempt<ObservedSide['acls']>(
            () => cluster.describeAcls(),
            'not-read',
            migration.access.length > 0 ? problems : [],
          )
        : ('not-read' as const),
      onTarget && userNames.length > 0
        ? attempt(
            async () => taken(await cluster.describeUsers(userNames), problems),
            new Map(),
            problems,
          )
        : new Map(),
      onTarget && migration.quotas.length > 0
        ? attempt(
            () => cluster.describeQuotas(migration.quotas.map((q) => q.user)),
            new Map(),
            problems,
          )
        : new Map(),
    ])
  const missing = names.filter((name) => absentTopics.has(name) && !mayBeGone(migration, name))
  const meantTopics = onTarget || !meant ? undefined : await probablyMeant(cluster, missing)
  const coverage = onTarget ? undefined : await observeCoverage(cluster, [...topics.keys()])
  return {
    name: cluster.name,
    id: cluster.id,
    cluster: description,
    topics,
    absentTopics,
    groups,
    brokerConfigs,
    acls,
    users,
    quotas,
    takesIdempotentWrites: cluster.supports('InitProducerId') !== undefined,
    fillsHoles: cluster.supports('DescribeProducers') !== undefined,
    commitsExpireEarly: (cluster.supports('OffsetCommit') ?? 0) < OFFSET_COMMIT_OF_2_1,
    ...(coverage && { coverage }),
    ...(meantTopics && { meantTopics }),
  }
}

/** Each is compared with all topics of the cluster; where more are missing, it is not their spelling. */
const MEANT_AT_MOST = 5

/** Only for a better message: what cannot be listed is no problem of its own. */
export const probablyMeant = async (
  cluster: Pick<Cluster, 'listTopics'>,
  missing: readonly TopicName[],
): Promise<ReadonlyMap<TopicName, string> | undefined> => {
  if (missing.length === 0) return undefined
  const there = await attempt(() => cluster.listTopics(), [], [])
  return new Map(
    missing.slice(0, MEANT_AT_MOST).flatMap((name) => {
      const near = didYouMean(name, there)
      return near === undefined || near === name ? [] : [[name, near] as const]
    }),
  )
}

/** OffsetCommit v5 came with 2.1, and with it KIP-211: before it a commit expired even while its group was in use. */
const OFFSET_COMMIT_OF_2_1 = 5

const readBrokerConfigs = async (
  cluster: Cluster,
  nodeId: number | undefined,
): Promise<ReadonlyMap<string, ConfigEntry>> =>
  nodeId === undefined || cluster.supports('DescribeConfigs') === undefined
    ? new Map()
    : cluster.describeBrokerConfigs(nodeId)

const observeTopics = async (
  cluster: Cluster,
  names: readonly TopicName[],
  side: 'source' | 'target',
  problems: Diagnostic[],
  signal: AbortSignal,
): Promise<{
  readonly topics: ReadonlyMap<TopicName, ObservedTopic>
  readonly absent: ReadonlySet<TopicName>
}> => {
  const described = taken(await cluster.describeTopics(names), problems)
  const present: TopicDescription[] = []
  const absent = new Set<TopicName>()
  for (const [name, topic] of described) {
    if (topic === 'absent') absent.add(name)
    else present.push(topic)
  }
  if (present.length === 0) return { topics: new Map(), absent }
  const partitions = present.flatMap((t) =>
    t.partitions.map(({ partition, leader }) => ({ topic: t.name, partition, leader })),
  )
  const ends = async (at: OffsetAt): Promise<ReadonlyMap<PartitionKey, bigint>> =>
    taken(await cluster.listOffsets(partitions, at), problems)
  const [start, high, stable, configs] = await Promise.all([
    ends('earliest'),
    ends('latest'),
    ends('stable'),
    cluster.supports('DescribeConfigs') === undefined
      ? null
      : attempt(
          async () =>
            taken(await cluster.describeTopicConfigs(present.map((t) => t.name)), problems),
          null,
          problems,
        ),
  ])
  const sampled =
    side === 'source'
      ? await samplePartitions(cluster, { partitions, start, stable }, signal)
      : undefined
  problems.push(...(sampled?.problems ?? []))
  const read = (topic: TopicName, partition: number): readonly ObservedPartition[] => {
    const key = partitionKey(topic, partition)
    const [logStart, highWatermark, lastStable] = [start.get(key), high.get(key), stable.get(key)]
    return logStart === undefined || highWatermark === undefined || lastStable === undefined
      ? []
      : [
          {
            partition,
            logStart,
            highWatermark,
            lastStable,
            sample: sampled?.samples.get(key) ?? null,
          },
        ]
  }
  const topics = new Map(
    present.map((description) => [
      description.name,
      {
        description,
        partitions: description.partitions.flatMap((p) => read(description.name, p.partition)),
        configs: configs?.get(description.name) ?? null,
      },
    ]),
  )
  return { topics, absent }
}

const observeGroups = async (
  cluster: Cluster,
  ids: readonly GroupId[],
  problems: Diagnostic[],
): Promise<ReadonlyMap<GroupId, ObservedGroup>> => {
  if (ids.length === 0) return new Map()
  const [described, seen] = await Promise.all([
    attempt(async () => taken(await cluster.describeGroups(ids), problems), new Map(), problems),
    attempt(async () => taken(await cluster.lookAtCommits(ids), problems), new Map(), problems),
  ])
  const groups = new Map<GroupId, ObservedGroup>()
  for (const id of ids) {
    const description = described.get(id)
    const positions = seen.get(id)
    if (description !== undefined && positions !== undefined) {
      groups.set(id, { description, ...positions })
    }
  }
  return groups
}
