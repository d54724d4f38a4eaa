import type { TopicName } from './ids.ts'
import type { Mark } from './mark.ts'

/** Where the log of a partition ends. */
export interface PartitionEnd {
  readonly partition: number
  readonly end: bigint
}

/**
 * A target topic of which everything below these ends was deleted, and that has no new mark yet. A broker makes a new log start durable only
 * once a minute: one that is killed before brings back what was deleted, and it is to be deleted again. Below a mark the mark says so.
 */
export interface Emptied {
  readonly topic: TopicName
  /** Of another topic of this name nothing was deleted. */
  readonly targetTopicId: string
  readonly ends: readonly PartitionEnd[]
}

/** Up to where each partition was emptied, if the topic is still that one. */
export const emptiedEnds = (
  emptied: readonly Emptied[] | undefined,
  topic: TopicName,
  targetTopicId: string | undefined,
): ReadonlyMap<number, bigint> => {
  const known = emptied?.find((each) => each.topic === topic)
  const isThatOne = known !== undefined && known.targetTopicId === targetTopicId
  return new Map(isThatOne ? known.ends.map(({ partition, end }) => [partition, end]) : [])
}

/** What is still to be remembered once these are marked. */
export const withoutMarked = (
  emptied: readonly Emptied[],
  marks: readonly Mark[],
): readonly Emptied[] =>
  emptied.flatMap((each) => {
    const marked = new Set(
      marks.flatMap(({ topic, partition }) => (topic === each.topic ? [partition] : [])),
    )
    const ends = each.ends.filter(({ partition }) => !marked.has(partition))
    return ends.length === 0 ? [] : [{ ...each, ends }]
  })
