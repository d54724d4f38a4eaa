import { valuesOf } from '../domain/answers.ts'
import type { TopicName } from '../domain/ids.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { BothClusters } from './partition-facts.ts'

/** What the decisions know of cleaners that are no longer at work. */
export type KnownCleaned = Pick<MigrationState, 'cleaned'>

/** By side, the topics whose cleaner may have removed single records there. What one side's removed says nothing of the other. */
export type CleanedTopics = Readonly<Record<'source' | 'target', ReadonlySet<TopicName>>>

export const cleanedTopics = async (
  { source, target }: BothClusters,
  names: readonly TopicName[],
  state: KnownCleaned,
): Promise<CleanedTopics> => {
  const [onSource, onTarget] = await Promise.all([
    cleanedOn(source, names, state),
    cleanedOn(target, names, state),
  ])
  return { source: onSource, target: onTarget }
}

/**
 * Topics whose cleaner there may have removed single records: it is at work now, or was before Ferry protected the topic again. On a cluster that
 * cannot tell (0.10) any of them may be compacted.
 */
export const cleanedOn = async (
  cluster: Cluster,
  names: readonly TopicName[],
  { cleaned = [] }: KnownCleaned,
): Promise<ReadonlySet<TopicName>> => {
  if (cluster.supports('DescribeConfigs') === undefined) return new Set(names)
  const { ok } = await cluster.describeTopicConfigs(names)
  const known = new Set(
    cleaned.flatMap((each) => (each.cluster === cluster.id ? [each.topic] : [])),
  )
  return new Set(names.filter((name) => known.has(name) || isCompacted(ok.get(name))))
}

const isCompacted = (configs: ReadonlyMap<string, { readonly value: string | null }> | undefined) =>
  configs?.get('cleanup.policy')?.value?.includes('compact') === true

/** Whether the cleaner of one topic is at work there. Fails where the cluster does not answer. */
export const isBeingCleaned = async (cluster: Cluster, topic: TopicName): Promise<boolean> =>
  isCompacted(valuesOf(await cluster.describeTopicConfigs([topic])).get(topic))
