import type { ClusterId, TopicName } from './ids.ts'

/**
 * A topic that was to be compacted on a cluster while it held a copy there: its cleaner may have removed single records, whatever the policy
 * says since. Forgotten with the mark.
 */
export interface Cleaned {
  readonly topic: TopicName
  readonly cluster: ClusterId
}

/** The same with one more. */
export const withCleaned = (known: readonly Cleaned[] = [], one: Cleaned): readonly Cleaned[] =>
  known.some(({ topic, cluster }) => topic === one.topic && cluster === one.cluster)
    ? known
    : [...known, one]
