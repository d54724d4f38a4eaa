import type { TopicName } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { Order } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { sealsStay } from '../domain/stranded.ts'
import { type Observed, partitionAt } from '../planner/observed.ts'

/** Records on the source above the seals of a topic that can be opened again; 0 once they stay. */
export const lateRecords = (
  topic: TopicName,
  observed: Observed,
  state: MigrationState,
  order: Order,
): bigint => {
  const there = observed.target.topics.get(topic)
  const ends = ({ partition }: Seal) => partitionAt(there, partition)?.highWatermark
  if (sealsStay(topic, state, order, ends)) return 0n
  const source = observed.source.topics.get(topic)
  if (!source) return 0n
  const seals = placesOf(state).sealedTopics.get(topic) ?? []
  return seals.reduce((sum, seal) => {
    const end = source.partitions[seal.partition]?.highWatermark ?? seal.sourceEnd
    return end > seal.sourceEnd ? sum + end - seal.sourceEnd : sum
  }, 0n)
}
