import type { ClusterId, TopicName } from './ids.ts'

/**
 * A topic that was to be compacted on a cluster while it held a copy there: its cleaner may have removed single records, whatever the policy
 * says since. Forgotten with the mark.
 */
export interface Cleaned {
  readonly topic: TopicName
  readonly cluster: ClusterId
  /** The shortest `delete.retention.ms` that Ferry has set, or seen, while it was to be compacted. Absent: not known. */
  readonly keptMs?: number
  /** Since when Ferry has protected it again: whatever was there then is there still. Absent: it has not. */
  readonly protectedAt?: string
}

/** Those of the target: a cleaner may have been at the copy there. */
export const cleanedOfTarget = ({
  cleaned = [],
  clusters,
}: {
  readonly cleaned?: readonly Cleaned[]
  readonly clusters: { readonly target: ClusterId } | null
}): readonly Cleaned[] => cleaned.filter(({ cluster }) => cluster === clusters?.target)

/** The same with one more; of what is known already the shortest time counts, and whether it is protected now. */
export const withCleaned = (known: readonly Cleaned[] = [], one: Cleaned): readonly Cleaned[] => {
  const isSame = ({ topic, cluster }: Cleaned) => topic === one.topic && cluster === one.cluster
  const times = [...known.filter(isSame), one].flatMap(({ keptMs }) => keptMs ?? [])
  const next = { ...one, ...(times.length > 0 && { keptMs: Math.min(...times) }) }
  return known.some(isSame) ? known.map((each) => (isSame(each) ? next : each)) : [...known, next]
}
