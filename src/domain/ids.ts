/** Branded primitives: the compiler keeps apart what looks alike. Cast with `as` only in parsers and at the broker's border. */

declare const brand: unique symbol
type Brand<T, B> = T & { readonly [brand]: B }

export type TopicName = Brand<string, 'TopicName'>
export type GroupId = Brand<string, 'GroupId'>
export type ClusterId = Brand<string, 'ClusterId'>
/** Position in a source log. Never compare it with a TargetOffset: that is the mistake this tool exists to prevent. */
export type SourceOffset = Brand<bigint, 'SourceOffset'>
/** Position in a target log. */
export type TargetOffset = Brand<bigint, 'TargetOffset'>
/** How many records of a partition were mirrored before this one; also its producer sequence (mod 2^31). */
export type Rank = Brand<bigint, 'Rank'>

/** Topic and partition as one string key, `topic:partition`. A topic name cannot contain a colon, so it is unambiguous. */
export type PartitionKey = Brand<string, 'PartitionKey'>

export interface TopicPartition {
  readonly topic: TopicName
  readonly partition: number
}

/**
 * The keys made so far, by topic and partition. A plan looks each of a hundred thousand partitions up in a dozen maps: one text for all of
 * them is hashed once and found by its address, and takes 100 MB less than a text for each. A process sees but the topics of a project.
 */
const keysMade = new Map<TopicName, PartitionKey[]>()

export const partitionKey = (topic: TopicName, partition: number): PartitionKey => {
  let keys = keysMade.get(topic)
  if (keys === undefined) {
    keys = []
    keysMade.set(topic, keys)
  }
  keys[partition] ??= `${topic}:${partition}` as PartitionKey
  return keys[partition]
}

/** Of whatever is about one partition: a mark, a seal, a row of a receipt. */
export const keyOf = ({ topic, partition }: TopicPartition): PartitionKey =>
  partitionKey(topic, partition)

/** The inverse of {@link partitionKey}. */
export const parsePartitionKey = (key: PartitionKey): TopicPartition => {
  const colon = key.lastIndexOf(':')
  return { topic: key.slice(0, colon) as TopicName, partition: Number(key.slice(colon + 1)) }
}
