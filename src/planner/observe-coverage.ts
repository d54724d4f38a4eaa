import { FerryError } from '../domain/diagnostic.ts'
import type { GroupId, TopicName, TopicPartition } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { topicsOfPositions } from './coverage.ts'
import type { ObservedCoverage } from './observed.ts'

/**
 * Who uses the topics of a migration, as far as the source shows it: groups by their positions, transactional ids by the producers that
 * the leaders remember, principals by ACLs. Advice rests on it, no step does: what cannot be read is named, not an error.
 */
export const observeCoverage = async (
  source: Cluster,
  partitions: readonly TopicPartition[],
): Promise<ObservedCoverage> => {
  const notVisible: string[] = []
  const seen = async <T>(what: string, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof FerryError)) throw error
      notVisible.push(`${what} (${error.diagnostics[0]!.detail})`)
      return null
    }
  }
  const topics = new Set(partitions.map(({ topic }) => topic))
  const [groups, internalTopics, transactionalIds, acls] = await Promise.all([
    seen('groups of others', () => groupsOn(source, topics)),
    seen('internal topics of Streams applications', async () =>
      (await source.listTopics()).filter((name) => /-(changelog|repartition)$/.test(name)),
    ),
    seen('transactional ids', () => transactionalIdsOn(source, partitions)),
    seen('ACLs', async () => {
      const found = await source.describeAcls()
      return found === 'no-authorizer' ? null : found
    }),
  ])
  return { groups, internalTopics: internalTopics ?? [], transactionalIds, acls, notVisible }
}

const groupsOn = async (source: Cluster, topics: ReadonlySet<TopicName>) => {
  const listed = await source.listGroups()
  // Connect workers, schema registries and mirrors have groups too, without positions.
  const ids = listed
    .filter(({ protocolType }) => protocolType === 'consumer' || protocolType === '')
    .map(({ id }) => id)
  const commits = await source.fetchCommits(ids)
  const touching = new Map<GroupId, readonly TopicName[]>()
  for (const [id, positions] of commits.ok) {
    const read = topicsOfPositions(positions.keys())
    if (read.some((topic) => topics.has(topic))) touching.set(id, read)
  }
  const described = await source.describeGroups([...touching.keys()])
  return [...touching]
    .map(([id, read]) => ({
      id,
      topics: read,
      members: described.ok.get(id)?.members.length ?? 0,
    }))
    .sort((one, other) => (one.id < other.id ? -1 : 1))
}

/** Leaders remember producers by id, coordinators which transactional id each has. Before 3.0 brokers tell no transactional ids. */
const transactionalIdsOn = async (source: Cluster, partitions: readonly TopicPartition[]) => {
  const canTell =
    source.supports('DescribeProducers') !== undefined &&
    source.supports('ListTransactions') !== undefined
  if (!canTell || partitions.length === 0) return null
  const [producers, listed] = await Promise.all([
    source.describeProducers(partitions),
    source.listTransactions(),
  ])
  const topicsOf = new Map<bigint, Set<TopicName>>()
  for (const [key, active] of producers.ok) {
    const [topic] = topicsOfPositions([key])
    for (const { producerId } of active) {
      const topics = topicsOf.get(producerId) ?? new Set()
      topicsOf.set(producerId, topics.add(topic!))
    }
  }
  return listed
    .flatMap(({ transactionalId, producerId }) => {
      const topics = topicsOf.get(producerId)
      return topics === undefined ? [] : [{ id: transactionalId, topics: [...topics] }]
    })
    .sort((one, other) => (one.id < other.id ? -1 : 1))
}
