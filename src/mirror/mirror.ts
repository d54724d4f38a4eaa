import type { AcceptedGap } from '../domain/accepted-gap.ts'
import type { Cleaned } from '../domain/cleaned.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../domain/ids.ts'
import type { Mark, Seal } from '../domain/mark.ts'
import type { GapChunk, PartitionProgress } from '../domain/partition-progress.ts'
import type { Cluster } from '../kafka/cluster.ts'

/** The copying of marked partitions, seen from outside. `start-mirror.ts` makes one; the applier and `ferry mirror` use it. */
export interface Mirror {
  /** The partitions to keep copied from now on; those no longer listed are let go (drained first). Sealed ones are not copied. */
  follow(migrations: readonly MirroredMigration[]): void
  /**
   * Keeps the lock on a topic's partitions although they are not to be copied any more: from before they are sealed, so that nobody else gets
   * them in between, until it is released.
   */
  keep(topic: TopicName, partitions: number): KeptLock
  /** One report for each followed partition, in order; cheap. */
  reports(): readonly PartitionReport[]
  /** Stops sending, waits for what is in flight, saves progress, leaves the group. Safe to call twice. */
  stop(): Promise<void>
}

export interface KeptLock {
  /**
   * Resolves once this process holds all of the partitions, copies none of them, and nothing that anybody sent to them can still arrive.
   * Rejects when the signal is aborted.
   */
  taken(signal: AbortSignal): Promise<void>
  release(): void
}

/** One that also says how it is, for metrics and health. */
export interface MirrorWithFacts extends Mirror {
  /** Cheap. */
  facts(): MirrorFacts
}

export interface MirrorFacts {
  /** Whether it is a member of the mirror's group on the target, and may have been given partitions. `none`: there is nothing to share. */
  readonly lock: 'none' | 'waiting' | 'held'
  /** For waiting: why, where that is known. */
  readonly lockWaitsFor?: string
  /** It was never a member and will not be until somebody acts: a right is missing. */
  readonly lockProblem?: Diagnostic
  readonly counters: MirrorCounters
}

/** Since this process began. */
export interface MirrorCounters {
  /** Produce requests. */
  readonly requests: number
  /** Batches of which nothing but the header was changed. */
  readonly batchesPassedThrough: number
  /** Batches made of several of the source. */
  readonly batchesMerged: number
  readonly sourceBatchesMerged: number
  /** Batches whose records were written anew. */
  readonly batchesReEncoded: number
}

export interface MirroredMigration {
  readonly migration: string
  readonly marks: readonly Mark[]
  readonly seals: readonly Seal[]
  /** Ranges to go on without. A partition that stopped goes on when one is added. */
  readonly acceptedGaps?: readonly AcceptedGap[]
  /** Of the way back: topics that Ferry had compacted on the cluster that is read. */
  readonly cleaned?: readonly Cleaned[]
}

export interface PartitionReport {
  readonly migration: string
  readonly key: PartitionKey
  readonly topic: TopicName
  readonly partition: number
  /** Set where the target is copied back to the source: what is said of the source is then of the target. */
  readonly way?: 'reverse'
  /**
   * `elsewhere`: another process holds it. `waiting`: for the lock, a leader or a connection. `checking`: reading the target before the
   * first send. `mirroring`: copying or at the end. `stopped`: see problem; the others go on.
   */
  readonly state: 'elsewhere' | 'waiting' | 'checking' | 'mirroring' | 'stopped'
  /** For waiting: what for. */
  readonly waitsFor?: string
  /** Source offsets; meaningful once mirroring. `lag` counts to the last stable offset. */
  readonly next: number
  readonly lag: number
  /** Since this process began. */
  readonly records: number
  readonly bytes: number
  /** How often it had to start over from what the target holds, or stopped. */
  readonly errors: number
  readonly problem?: Diagnostic
  /** Source offset from which on offsets are not identical, though they were to be: see FERRY1614. */
  readonly divergedAt?: number
}

export interface MirrorOptions {
  readonly project: string
  readonly source: Cluster
  readonly target: Cluster
  readonly progress: ProgressStore
  /**
   * What is to be copied of a migration as the decisions say at this moment; undefined: nothing. It is asked each time that the lock of a partition was
   * got, before anything is sent: what this process follows may be old by then. Absent: what is followed is never old.
   */
  readonly decided?: (migration: string) => Promise<MirroredMigration | undefined>
  /** Bytes of records held in memory over all partitions. */
  readonly memoryBudget: number
  /**
   * What all processes together may send of a migration, in bytes per second; undefined: unlimited, and so is whoever holds a partition of it.
   * Each takes the part that the partitions it holds are of all.
   */
  readonly throttle: (migration: string) => number | undefined
  readonly timings: MirrorTimings
  readonly log: (line: {
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly message: string
  }) => void
}

export interface MirrorTimings {
  /** After so long without a heartbeat the group gives the partitions to others. */
  readonly sessionTimeoutMs: number
  /** A produce is answered, or counts as lost, after so long. */
  readonly requestTimeoutMs: number
  /** How often a mirror of its own looks for new decisions; absent: every two seconds. */
  readonly followEveryMs?: number
}

export const DEFAULT_TIMINGS: MirrorTimings = { sessionTimeoutMs: 30_000, requestTimeoutMs: 10_000 }
export const DEFAULT_MEMORY_BUDGET = 64 * 1024 * 1024

/** The part of the state store that the mirror needs. */
export interface ProgressStore {
  readProgress(
    migration: string,
    way?: 'reverse',
  ): Promise<ReadonlyMap<PartitionKey, PartitionProgress>>
  /** Throws {@link SpokenFor} where another process speaks for a partition under the same generation; the others are written. */
  writeProgress(migration: string, progress: readonly PartitionProgress[]): Promise<void>
  /** Throws where a chunk would not count: a later holder has begun, or what it adds to is not there any more. */
  appendGaps(migration: string, chunks: readonly GapChunk[]): Promise<void>
}

/** Where the mirror tells what it does. */
export type MirrorLog = MirrorOptions['log']
