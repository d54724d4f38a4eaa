import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import {
  type GroupId,
  parsePartitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import type { Cluster, TopicDescription } from '../kafka/cluster.ts'
import { hiddenGroups } from './hidden-groups.ts'

/** A group with live commits: on partitions of topics that exist. */
export interface SurveyedGroup {
  readonly protocolType: string
  /** Topics that it has commits on. */
  readonly topics: ReadonlySet<TopicName>
}

/** Who uses which topics on a live cluster. Internal topics and Ferry's own are left out: they belong to no service. */
export interface Survey {
  readonly cluster: string
  readonly topics: ReadonlySet<TopicName>
  readonly groups: ReadonlyMap<GroupId, SurveyedGroup>
  /** Topics that the producer of each transactional id has written to; `unsupported` where brokers do not tell (before 3.0). */
  readonly transactionalIds: ReadonlyMap<string, ReadonlySet<TopicName>> | 'unsupported'
  /** What could not be read: the survey says nothing about it. */
  readonly unread: readonly Diagnostic[]
}

export type SurveyedCluster = Pick<
  Cluster,
  | 'name'
  | 'listTopics'
  | 'describeTopics'
  | 'listGroups'
  | 'describeCluster'
  | 'lookAtCommits'
  | 'supports'
  | 'describeProducers'
  | 'listTransactions'
>

/** Internal to Kafka, or made by Ferry or a schema registry for itself. */
export const isInternal = (topic: string): boolean => topic.startsWith('__') || topic === '_schemas'

/**
 * Reads all groups with their commits, and all producers that write in transactions; requests grow with brokers. Read-only.
 * Throws FerryError only if the cluster does not answer at all. `writtenTo`: look for producers of these topics only.
 */
export const survey = async (
  cluster: SurveyedCluster,
  writtenTo?: readonly TopicName[],
): Promise<Survey> => {
  const unread: Diagnostic[] = []
  const [names, listed, hidden] = await Promise.all([
    cluster.listTopics(),
    cluster.listGroups(),
    hiddenGroups(cluster),
  ])
  if (hidden) unread.push(hidden)
  const topics = new Set(names.filter((name) => !isInternal(name)))
  const ids = listed.map((group) => group.id)
  const protocolOf = new Map(listed.map((group) => [group.id, group.protocolType] as const))
  const seen = await cluster.lookAtCommits(ids)
  unread.push(...seen.failed.values())
  const groups = new Map<GroupId, SurveyedGroup>()
  for (const [id, { commits }] of seen.ok) {
    const used = new Set(
      [...commits.keys()]
        .map((key) => parsePartitionKey(key).topic)
        .filter((topic) => topics.has(topic)),
    )
    const protocolType = protocolOf.get(id) ?? ''
    if (used.size > 0) groups.set(id, { protocolType, topics: used })
  }
  const transactionalIds = await transactional(cluster, writtenTo ?? [...topics], unread)
  return { cluster: cluster.name, topics, groups, transactionalIds, unread }
}

/**
 * A producer id on a partition, and the transactional id that it belongs to. Producers that the brokers have forgotten (by default a day
 * after their last record) are not seen. A right that is missing here hides transactional ids, and nothing else.
 */
const transactional = async (
  cluster: SurveyedCluster,
  topics: readonly TopicName[],
  unread: Diagnostic[],
): Promise<Survey['transactionalIds']> => {
  if (
    cluster.supports('ListTransactions') === undefined ||
    cluster.supports('DescribeProducers') === undefined
  ) {
    return 'unsupported'
  }
  const topicsOf = new Map<string, Set<TopicName>>()
  try {
    const listed = await cluster.listTransactions()
    if (listed.length === 0) return topicsOf
    const idOf = new Map(listed.map((each) => [each.producerId, each.transactionalId] as const))
    const producers = await cluster.describeProducers(await partitionsOf(cluster, topics, unread))
    unread.push(...producers.failed.values())
    for (const [key, active] of producers.ok) {
      for (const { producerId } of active) {
        const id = idOf.get(producerId)
        if (id === undefined) continue
        topicsOf.set(id, (topicsOf.get(id) ?? new Set()).add(parsePartitionKey(key).topic))
      }
    }
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    unread.push(...error.diagnostics)
  }
  return topicsOf
}

const partitionsOf = async (
  cluster: SurveyedCluster,
  topics: readonly TopicName[],
  unread: Diagnostic[],
): Promise<readonly TopicPartition[]> => {
  const described = await cluster.describeTopics(topics)
  unread.push(...described.failed.values())
  return [...described.ok.values()]
    .filter((topic): topic is TopicDescription => topic !== 'absent')
    .flatMap(({ name, partitions }) =>
      partitions
        .filter(({ leader }) => leader >= 0)
        .map(({ partition }) => ({ topic: name, partition })),
    )
}
