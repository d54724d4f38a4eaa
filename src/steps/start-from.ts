import { valuesOf } from '../domain/answers.ts'
import { type PartitionKey, partitionKey, type TopicPartition } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { ObservedPartition, ObservedSide } from '../planner/observed.ts'
import { offsetsOf } from './partitions-now.ts'
import type { Run } from './step-kind.ts'

/**
 * Where mirroring of each partition begins, as `mirror.startFrom` says, never below the log start:
 * - `earliest`: the log start;
 * - `committed`: the lowest commit of the migration's groups. A partition in which one of them has none begins at the log start, because
 *   that group may still read all of it;
 * - `latest`: the last stable offset, so that no transaction is cut;
 * - a time: the first record that is not older, or the last stable offset where there is none.
 */
export const startsFrom = async (
  run: Pick<Run, 'clusters' | 'migration'>,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<PartitionKey, bigint>> => {
  const { startFrom } = run.migration.mirror
  const { source } = run.clusters
  if (startFrom === 'earliest') return offsetsOf(source, partitions, 'earliest')
  const [asked, stable] = await Promise.all([
    startFrom === 'committed'
      ? lowestCommits(run, partitions)
      : startFrom === 'latest'
        ? offsetsOf(source, partitions, 'stable')
        : offsetsOf(source, partitions, startFrom),
    offsetsOf(source, partitions, 'stable'),
  ])
  // Last: the log start may pass what was answered before.
  const earliest = await offsetsOf(source, partitions, 'earliest')
  return new Map(
    [...earliest].map(([key, start]) => {
      const answered = asked.get(key) ?? start
      const wanted = answered < 0n ? stable.get(key)! : answered
      return [key, wanted > start ? wanted : start]
    }),
  )
}

const lowestCommits = async (
  { clusters, migration }: Pick<Run, 'clusters' | 'migration'>,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<PartitionKey, bigint>> => {
  const ids = migration.groups.map(({ id }) => id)
  // A service that commits in transactions has one open nearly all the time. Until its end it stands where it was before.
  const all = [...valuesOf(await clusters.source.lookAtCommits(ids)).values()]
  const lowest = new Map<PartitionKey, bigint>()
  for (const { topic, partition } of partitions) {
    const key = partitionKey(topic, partition)
    const offsets = all.map(({ commits }) => commits.get(key)?.offset)
    const known = offsets.filter((offset) => offset !== undefined)
    if (known.length === 0 || known.length < offsets.length) continue
    lowest.set(
      key,
      known.reduce((one, other) => (one < other ? one : other)),
    )
  }
  return lowest
}

/** The same from what a plan has seen, for its estimates: a time is not looked up. */
export const plannedStart = (
  { mirror, groups }: Migration,
  source: Pick<ObservedSide, 'groups'>,
  topic: TopicPartition['topic'],
  { partition, logStart, lastStable }: ObservedPartition,
): bigint => {
  if (mirror.startFrom === 'latest') return lastStable
  if (mirror.startFrom !== 'committed') return logStart
  const offsets = groups.map(
    ({ id }) => source.groups.get(id)?.commits.get(partitionKey(topic, partition))?.offset,
  )
  const known = offsets.filter((offset) => offset !== undefined)
  if (known.length === 0 || known.length < offsets.length) return logStart
  const lowest = known.reduce((one, other) => (one < other ? one : other))
  return lowest > logStart ? lowest : logStart
}
