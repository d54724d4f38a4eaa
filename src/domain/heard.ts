import type { SourceOffset } from './ids.ts'

/**
 * What a mirror has heard of the log of a compacted topic that it reads from: everything that was written before `at` is below `to`, and was
 * copied before a cleaner may have removed a tombstone of it. By the clock of the mirror's host.
 */
export interface Heard {
  readonly at: string
  readonly to: SourceOffset
  /** The shortest `delete.retention.ms` that was seen in force for what comes behind it. */
  readonly keptMs: number
  /** It was compacted then, or is seen to have been since. */
  readonly isCompacted?: boolean
  /** What came behind it was read too late, for good. */
  readonly isForgotten?: boolean
}

/** Of clocks of several hosts, and of looks that take time; less where tombstones are kept for less than ten times that. */
const MARGIN_MS = 5 * 60_000

/** Broker default of `delete.retention.ms`. */
export const DELETE_RETENTION_MS = 24 * 3600 * 1000

/** Nobody plans, reviews and runs a rollback in less. */
const SHORTEST_ROLLBACK_MS = 10 * 60_000

/**
 * For how long after something was written it is sure that its tombstones are there. A broker removes one `delete.retention.ms` after it was
 * first cleaned at the earliest (KIP-534), before 3.1 after the last write to its segment.
 */
export const surelyKeptMs = (keptMs: number): number =>
  keptMs - Math.min(MARGIN_MS, Math.ceil(keptMs / 10))

/** Whether tombstones are kept for so short that the way back is over before anybody can go it. */
export const isHardlyKept = (keptMs: number): boolean => surelyKeptMs(keptMs) < SHORTEST_ROLLBACK_MS
