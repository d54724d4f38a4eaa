import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { BrokerDisks } from '../kafka/inquiry.ts'
import type { ObservedSide } from '../planner/observed.ts'
import type { MigrationFacts } from './facts.ts'

/** Bytes of one replica of each topic on the source, and how they are known. */
export interface TopicSizes {
  readonly of: ReadonlyMap<TopicName, number>
  /** `measured` by the brokers, or `estimated` from the newest batch of each partition. */
  readonly how: 'measured' | 'estimated'
}

/** Asks the source's brokers; where they cannot or may not tell, estimates. */
export const sourceSizes = async ({ source, observed }: MigrationFacts): Promise<TopicSizes> => {
  const partitions = partitionsOf(observed.source)
  const disks = await source.cluster.describeDisks(partitions).catch(() => 'unsupported' as const)
  if (disks === 'unsupported') return { of: estimated(observed.source), how: 'estimated' }
  const largest = largestReplicas(disks)
  const of = new Map<TopicName, number>()
  for (const { topic, partition } of partitions) {
    const size = largest.get(partitionKey(topic, partition)) ?? 0
    of.set(topic, (of.get(topic) ?? 0) + size)
  }
  return { of, how: 'measured' }
}

export const partitionsOf = ({ topics }: ObservedSide) =>
  [...topics].flatMap(([topic, { description }]) =>
    description.partitions.map(({ partition }) => ({ topic, partition })),
  )

/** A replica that lags has less than there is. */
const largestReplicas = (disks: readonly BrokerDisks[]): ReadonlyMap<PartitionKey, number> => {
  const largest = new Map<PartitionKey, number>()
  for (const { sizes } of disks) {
    for (const [key, size] of sizes) largest.set(key, Math.max(size, largest.get(key) ?? 0))
  }
  return largest
}

const estimated = ({ topics }: ObservedSide): ReadonlyMap<TopicName, number> =>
  new Map(
    [...topics].map(([name, { partitions }]) => [
      name,
      partitions.reduce(
        (sum, { sample, highWatermark, logStart }) =>
          sum + Number(highWatermark - logStart) * (sample?.recordBytes ?? 0),
        0,
      ),
    ]),
  )
