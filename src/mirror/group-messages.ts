import {
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type TopicName,
} from '../domain/ids.ts'
import type { ProcessIdentity } from '../process-identity.ts'
import type { MemberView, Share } from './assignment.ts'

/** Grows when an older Ferry could no longer share partitions with this one. */
const PROTOCOL_VERSION = 1

/** Partition numbers per topic as `0-11,14`: a group's metadata has to fit into one record of the broker's offsets topic. */
type Ranges = Readonly<Record<string, string>>

interface MemberMessage {
  readonly version: number
  readonly process: ProcessIdentity
  readonly topics: Readonly<Record<string, number>>
  readonly held: { readonly generation: number; readonly partitions: Ranges }
}
interface ShareMessage {
  readonly version: number
  readonly clean: Ranges
  readonly unclean: Ranges
}

/** What a member says of itself at the join. */
export const encodeMember = (
  member: Omit<MemberView, 'memberId'>,
  process: ProcessIdentity,
): Buffer =>
  toJson({
    version: PROTOCOL_VERSION,
    process,
    topics: Object.fromEntries(member.topics),
    held: { generation: member.held.generation, partitions: toRanges(member.held.keys) },
  } satisfies MemberMessage)

/** Undefined for what no Ferry of this version wrote: such a member gets no partitions. */
export const decodeMember = (
  memberId: string,
  metadata: Buffer,
): { readonly view: MemberView; readonly process: ProcessIdentity } | undefined => {
  const message = fromJson<MemberMessage>(metadata)
  if (message?.version !== PROTOCOL_VERSION) return undefined
  const topics = new Map(Object.entries(message.topics) as [TopicName, number][])
  const keys = new Set(fromRanges(message.held.partitions))
  const view = { memberId, topics, held: { generation: message.held.generation, keys } }
  return { view, process: message.process }
}

/** What the leader tells a member. */
export const encodeShare = (share: Share): Buffer => {
  const keys = (clean: boolean) => [...share].filter(([, is]) => is === clean).map(([key]) => key)
  return toJson({
    version: PROTOCOL_VERSION,
    clean: toRanges(keys(true)),
    unclean: toRanges(keys(false)),
  } satisfies ShareMessage)
}

/** An empty or unknown assignment is no partitions. */
export const decodeShare = (assignment: Buffer): Share => {
  const message = fromJson<ShareMessage>(assignment)
  if (message?.version !== PROTOCOL_VERSION) return new Map()
  return new Map([
    ...fromRanges(message.clean).map((key) => [key, true] as const),
    ...fromRanges(message.unclean).map((key) => [key, false] as const),
  ])
}

const toJson = (message: MemberMessage | ShareMessage): Buffer =>
  Buffer.from(JSON.stringify(message))

const fromJson = <T>(bytes: Buffer): T | undefined => {
  try {
    return JSON.parse(bytes.toString()) as T
  } catch {
    return undefined
  }
}

const toRanges = (keys: Iterable<PartitionKey>): Ranges => {
  const topics = new Map<TopicName, number[]>()
  for (const key of keys) {
    const { topic, partition } = parsePartitionKey(key)
    const numbers = topics.get(topic)
    if (numbers === undefined) topics.set(topic, [partition])
    else numbers.push(partition)
  }
  return Object.fromEntries([...topics].map(([topic, numbers]) => [topic, rangesOf(numbers)]))
}

const rangesOf = (numbers: readonly number[]): string => {
  const runs: [number, number][] = []
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] === n - 1) last[1] = n
    else runs.push([n, n])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

const fromRanges = (ranges: Ranges): PartitionKey[] =>
  Object.entries(ranges).flatMap(([topic, text]) =>
    text.split(',').flatMap((run) => {
      const [from = 0, to = from] = run.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, i) =>
        partitionKey(topic as TopicName, from + i),
      )
    }),
  )
