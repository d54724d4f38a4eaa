import type { SourceOffset } from '../../domain/ids.ts'
import type { Deadline } from '../../domain/plan.ts'
import { translateOffset } from '../../domain/translate-offset.ts'
import type { PartitionNow } from '../partitions-now.ts'
import type { Fact } from './fact.ts'
import { HOLDS, never } from './reading.ts'

/** Facts about time, looked at before every step: waiting does not bring back what is gone. */

/** What a deadline is about, as it is now. */
export type DeadlineSeen =
  | { readonly kind: 'source-retention'; readonly partition: PartitionNow | undefined }
  | {
      readonly kind: 'back-retention'
      /** Seen from the other side; undefined: its way back is not marked. */
      readonly partition: PartitionNow | undefined
      /** Of the target. */
      readonly logStart: bigint
      readonly retentionMs: string | undefined
    }
  | {
      readonly kind: 'target-retention'
      readonly isSynced: boolean
      readonly partition: PartitionNow | undefined
      /** Where the group stands on the source; undefined: nowhere. */
      readonly committed: bigint | undefined
    }
  | { readonly kind: 'source-commits'; readonly isSynced: boolean; readonly commits: number }
  | { readonly kind: 'target-commits'; readonly missing: number }
  /** Whether a cleaner is at work on the target: a rollback that has begun has set the protective configs. */
  | { readonly kind: 'tombstones'; readonly isCompacted: boolean }

interface DeadlineOf {
  readonly deadline: Deadline
  readonly now: Date
}

/**
 * A moment after which a plan no longer works has not come, or what it was about is safe by now: the records were copied, the topic sealed,
 * the group synced; what retention or expiry may take since may still be there. So what is there counts, not the clock alone.
 */
export const DEADLINE_AHEAD: Fact<DeadlineOf, DeadlineSeen> = {
  name: 'deadline-ahead',
  title: ({ deadline: { at } }) => `${at} has not passed, or took nothing`,
  reads:
    'the clock; ListOffsets of both sides, OffsetFetch of the side where positions expire; configs of the target',
  judge: (seen, { deadline, now }) =>
    deadline.at <= now.toISOString() && isLost(seen, deadline)
      ? never(`${deadline.at} has passed: ${deadline.says}`)
      : HOLDS,
}

const isLost = (seen: DeadlineSeen, { about }: Deadline): boolean => {
  switch (seen.kind) {
    case 'source-retention':
      return seen.partition === undefined || isUncopied(seen.partition, about)
    case 'back-retention': {
      const { partition, logStart } = seen
      if (partition !== undefined && !isUncopied(partition, about)) return false
      // A rollback that has begun has protected what is there.
      return (
        !isKeptLonger(seen, about) || logStart > (partition?.index.mirroredTo ?? offsetOf(about))
      )
    }
    case 'target-retention': {
      const { isSynced, partition, committed } = seen
      if (isSynced || partition === undefined || committed === undefined) return false
      const at = translateOffset(partition.index, committed as SourceOffset)
      return at.kind !== 'ahead' && at.target < partition.targetStart
    }
    case 'source-commits':
      return !seen.isSynced && seen.commits === 0
    case 'target-commits':
      return seen.missing > 0
    case 'tombstones':
      return seen.isCompacted
  }
}

const offsetOf = (about: Deadline['about']): bigint => BigInt('offset' in about ? about.offset : 0)

const isUncopied = ({ seal, index }: PartitionNow, about: Deadline['about']): boolean =>
  !seal && index.mirroredTo <= offsetOf(about)

const isKeptLonger = (
  { retentionMs: now }: Extract<DeadlineSeen, { kind: 'back-retention' }>,
  about: Deadline['about'],
): boolean => {
  const then = 'retentionMs' in about ? about.retentionMs : undefined
  return now !== undefined && then !== undefined && (BigInt(now) < 0n || BigInt(now) > BigInt(then))
}

/** What is still to be copied of a partition is still on the source. */
export const SOURCE_HOLDS: Fact<{ readonly source: string }, PartitionNow> = {
  name: 'source-holds',
  title: ({ source }) => `${source} still holds what is left to copy`,
  reads: 'ListOffsets of both sides',
  judge: ({ key, seal, sourceStart, index }, { source }) =>
    seal !== undefined || sourceStart <= index.mirroredTo
      ? HOLDS
      : never(
          `${source} holds ${key} from ${sourceStart} on, but the mirror needs it from ${index.mirroredTo} on: ${index.mirroredTo} to ${sourceStart - 1n} are gone`,
        ),
}
