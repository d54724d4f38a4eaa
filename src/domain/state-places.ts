import { type PartitionKey, partitionKey, type TopicName } from './ids.ts'
import type { Mark, Seal } from './mark.ts'
import type { MigrationState } from './state.ts'

/** Marks and seals of a state, to be found without searching: there may be a hundred thousand. */
export interface StatePlaces {
  readonly marks: ReadonlyMap<PartitionKey, Mark>
  readonly markedTopics: ReadonlySet<TopicName>
  /** How many partitions of each topic are marked: the first ones. */
  readonly markedPartitions: ReadonlyMap<TopicName, number>
  readonly seals: ReadonlyMap<PartitionKey, Seal>
  readonly sealedTopics: ReadonlyMap<TopicName, readonly Seal[]>
}

/** A state never changes, so its places are looked up once. */
const KNOWN = new WeakMap<object, StatePlaces>()

export const placesOf = (state: Pick<MigrationState, 'marks' | 'seals'>): StatePlaces => {
  const known = KNOWN.get(state)
  if (known !== undefined) return known
  const { marks, seals } = state
  const sealsByKey = new Map<PartitionKey, Seal>()
  const sealedTopics = new Map<TopicName, Seal[]>()
  for (const seal of seals) {
    sealsByKey.set(partitionKey(seal.topic, seal.partition), seal)
    const list = sealedTopics.get(seal.topic)
    if (list === undefined) sealedTopics.set(seal.topic, [seal])
    else list.push(seal)
  }
  const markedPartitions = new Map<TopicName, number>()
  const marksByKey = new Map<PartitionKey, Mark>()
  for (const mark of marks) {
    const { topic, partition } = mark
    marksByKey.set(partitionKey(topic, partition), mark)
    markedPartitions.set(topic, (markedPartitions.get(topic) ?? 0) + 1)
  }
  const places = {
    marks: marksByKey,
    markedTopics: new Set(markedPartitions.keys()),
    markedPartitions,
    seals: sealsByKey,
    sealedTopics,
  }
  KNOWN.set(state, places)
  return places
}
