import { type PartitionKey, parsePartitionKey, partitionKey, type TopicName } from './ids.ts'

/** Partitions by their topic, short enough for a plan of thousands: `0-11,13`. Topics and numbers ascend. */
export type PartitionList = Readonly<Record<TopicName, string>>

/** Each partition once. */
export const listPartitions = (keys: Iterable<PartitionKey>): PartitionList => {
  const topics = new Map<TopicName, number[]>()
  for (const key of keys) {
    const { topic, partition } = parsePartitionKey(key)
    const numbers = topics.get(topic)
    if (numbers) numbers.push(partition)
    else topics.set(topic, [partition])
  }
  const sorted = [...topics].sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(sorted.map(([topic, numbers]) => [topic, runs(numbers)]))
}

const runs = (numbers: readonly number[]): string => {
  const found: [from: number, to: number][] = []
  for (const number of [...numbers].sort((one, other) => one - other)) {
    const last = found.at(-1)
    if (last && number === last[1] + 1) last[1] = number
    else found.push([number, number])
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

/** What {@link listPartitions} was given. */
export const partitionsListed = (list: PartitionList): readonly PartitionKey[] =>
  Object.entries(list).flatMap(([topic, text]) =>
    text.split(',').flatMap((run) => {
      const [from = 0, to = from] = run.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, i) =>
        partitionKey(topic as TopicName, from + i),
      )
    }),
  )
