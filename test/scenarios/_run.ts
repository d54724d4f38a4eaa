import type { PartitionKey, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import { partitionKey } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { Clusters, Run } from '../../src/steps/step-kind.ts'
import { migration, topicSpec } from '../planner/_build.ts'

/**
 * A run without an applier, for gates that are asked about real brokers: partition 0 of each topic is marked at 0, and another process
 * mirrors it, whose progress says that it is at the end, or where the test says. So are marks of another place.
 */
export const runOn = (
  clusters: Clusters,
  topics: readonly string[],
  mirroredTo?: bigint,
  place: Partial<Mark> = {},
): Run => {
  const marks = topics.map(
    (topic): Mark => ({
      topic: topic as TopicName,
      partition: 0,
      sourceCluster: clusters.source.id,
      targetCluster: clusters.target.id,
      sourceStart: 0n as SourceOffset,
      targetStart: 0n as TargetOffset,
      mode: 'identical',
      producerId: 1n,
      producerEpoch: 0,
      fillerProducerId: 2n,
      at: new Date().toISOString(),
      ...place,
    }),
  )
  const state = { ...emptyState('gates', 'lineage'), marks }
  return {
    purpose: { kind: 'migrate' },
    migration: migration({ topics: topics.map((name) => topicSpec(name)), groups: [] }),
    clusters,
    store: { readProgress: () => progressOf(clusters, marks, mirroredTo) },
    state: () => state,
    mirror: async () => ({ reports: () => [] }),
    now: () => new Date(),
    signal: AbortSignal.timeout(180_000),
  } as unknown as Run
}

const progressOf = async (
  { source }: Clusters,
  marks: readonly Mark[],
  mirroredTo: bigint | undefined,
): Promise<ReadonlyMap<PartitionKey, PartitionProgress>> => {
  const ends = await source.listOffsets(marks, 'latest')
  return new Map(
    marks.map((mark) => {
      const key = partitionKey(mark.topic, mark.partition)
      const end = mirroredTo ?? ends.ok.get(key)!
      const progress = {
        producerId: mark.producerId,
        gaps: new GapList(),
        diverged: null,
        mirroredTo: end,
        problem: null,
      }
      return [key, progress as unknown as PartitionProgress]
    }),
  )
}
