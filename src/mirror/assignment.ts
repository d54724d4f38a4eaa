import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'

/** What one member of the mirror's group says when it joins. */
export interface MemberView {
  readonly memberId: string
  /** Topics whose partitions it would take, with how many of them it knows. */
  readonly topics: ReadonlyMap<TopicName, number>
  /** What it held in `generation`, and has drained: nothing of it is on its way. */
  readonly held: { readonly generation: number; readonly keys: ReadonlySet<PartitionKey> }
}

/** Partition -> true if its last holder handed it over: nobody's request for it can still arrive. */
export type Share = ReadonlyMap<PartitionKey, boolean>

/**
 * Shares partitions among members: each to exactly one member that subscribes to its topic, where it was before if that is even, and
 * evenly. `generation` is the one being made. A claim counts as a clean hand-over only if it is of the generation right before: else
 * somebody unknown may have held the partition in between. Generation 1 is a new group: the coordinator forgets a group only after its
 * last member's session ended.
 */
export const assign = (
  members: readonly MemberView[],
  generation: number,
): ReadonlyMap<string, Share> => {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const shares = new Map(
    sorted.map((member) => [member.memberId, new Map<PartitionKey, boolean>()]),
  )
  const holders = new Map<PartitionKey, string>()
  const drained = new Set<PartitionKey>()
  for (const { memberId, held } of sorted) {
    for (const key of held.keys) {
      holders.set(key, memberId)
      if (held.generation === generation - 1) drained.add(key)
    }
  }
  const wanted = new Map<TopicName, number>()
  for (const { topics } of sorted) {
    for (const [topic, count] of topics) {
      wanted.set(topic, Math.max(wanted.get(topic) ?? 0, count))
    }
  }
  const fair = fairShare(wanted, sorted)
  for (const topic of [...wanted.keys()].sort()) {
    const takers = sorted.filter((member) => member.topics.has(topic))
    for (let partition = 0; partition < wanted.get(topic)!; partition++) {
      const able = takers.filter((member) => member.topics.get(topic)! > partition)
      const key = partitionKey(topic, partition)
      const chosen = choose(able, shares, holders.get(key), fair)
      shares.get(chosen.memberId)!.set(key, generation === 1 || drained.has(key))
    }
  }
  return shares
}

/** More than this is more than an even share. */
const fairShare = (
  wanted: ReadonlyMap<TopicName, number>,
  members: readonly MemberView[],
): number => {
  let total = 0
  for (const count of wanted.values()) total += count
  return Math.ceil(total / members.length)
}

const choose = (
  able: readonly MemberView[],
  shares: ReadonlyMap<string, ReadonlyMap<PartitionKey, boolean>>,
  holder: string | undefined,
  fair: number,
): MemberView => {
  const load = (member: MemberView) => shares.get(member.memberId)!.size
  const before = able.find((member) => member.memberId === holder)
  if (before !== undefined && load(before) < fair) return before
  return able.reduce((least, member) => (load(member) < load(least) ? member : least))
}
