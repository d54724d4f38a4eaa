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
  const sealedTopics = new Map<TopicName, Seal[]>()
  for (const seal of seals) {
    const list = sealedTopics.get(seal.topic)
    if (list === undefined) sealedTopics.set(seal.topic, [seal])
    else list.push(seal)
  }
  const markedPartitions = new Map<TopicName, number>()
  for (const { topic } of marks) markedPartitions.set(topic, (markedPartitions.get(topic) ?? 0) + 1)
  const places = {
    marks: new Map(marks.map((mark) => [partitionKey(mark.topic, mark.partition), mark])),
    markedTopics: new Set(marks.map(({ topic }) => topic)),
    markedPartitions,
    seals: new Map(seals.map((seal) => [partitionKey(seal.topic, seal.partition), seal])),
    sealedTopics,
  }
  KNOWN.set(state, places)
  return places
}
