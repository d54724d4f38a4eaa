import type { PartitionKey } from '../domain/ids.ts'
import type { JournalEntry } from '../domain/journal.ts'
import type { GapChunk, PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'

/** Who holds or asks for a lock; printed to whoever finds it taken. */
export interface LockHolder {
  readonly user: string
  readonly host: string
  readonly pid: number
  readonly operation: string
  /** ISO 8601. */
  readonly since: string
}

/** Somebody who has a lock. */
export interface HeldBy extends LockHolder {
  /** Of a lease: it ends then unless it is renewed. ISO 8601. Absent: it is held until it is released. */
  readonly expires?: string
}

export interface Lock {
  readonly holder: LockHolder
  /** Set when the lock was taken over from a holder whose process is gone; the last intent must be checked before anything is done. */
  readonly takenOverFrom: LockHolder | undefined
  release(): Promise<void>
}

/** Everything that is recorded of one migration. */
export interface StateContent {
  readonly decisions: MigrationState
  readonly journal: readonly JournalEntry[]
  readonly progress: readonly PartitionProgress[]
}

/** A state that was overwritten and is kept. */
export interface Backup {
  readonly lineage: string
  readonly serial: number
  /** Of the last entry of its journal; null: it has none. ISO 8601. */
  readonly at: string | null
  /** Tells it from others of its lineage and serial: a state that was forgotten and pushed again may go on otherwise. */
  readonly digest: string
}

/**
 * Where decisions, journal and progress live. One contract suite runs over every store.
 * Decisions and journal are written only by the holder of the lock; progress by whoever holds the partition in the mirror's group.
 */
export interface StateStore {
  /** Where it is, for people: `.ferry/ (this machine)`. */
  readonly describe: string

  /** Undefined: this migration was never applied. A newer format or a broken record is an error, never an empty answer. */
  readDecisions(migration: string): Promise<MigrationState | undefined>
  /** Refused if the stored serial is not `expectedSerial`; the new one must be one higher. Atomic and durable when it returns. */
  writeDecisions(next: MigrationState, expectedSerial: number): Promise<void>

  /** Checked: a broken chain is an error. */
  readJournal(migration: string): Promise<readonly JournalEntry[]>
  /** Fills in seq, previous and hash. Durable when it returns. */
  appendJournal(
    migration: string,
    entry: Pick<JournalEntry, 'at' | 'plan' | 'what'>,
  ): Promise<JournalEntry>

  /** Of the way from source to target, or of the way back. */
  readProgress(
    migration: string,
    way?: 'reverse',
  ): Promise<ReadonlyMap<PartitionKey, PartitionProgress>>
  /**
   * All but the gaps, which only {@link appendGaps} writes. Throws `SpokenFor` where another process speaks for a partition under the same
   * generation; the others are written.
   */
  writeProgress(migration: string, progress: readonly PartitionProgress[]): Promise<void>
  /**
   * Adds to what is known of gaps, in this order. Durable when it returns; a partition may be read before its progress is written. Throws where
   * a chunk would not count: a later holder has begun, or the whole one that it adds to is not there any more.
   */
  appendGaps(migration: string, chunks: readonly GapChunk[]): Promise<void>

  /** Throws FERRY1406 with the holder's name if somebody has it. */
  lock(migration: string, holder: LockHolder): Promise<Lock>
  /** Who holds the lock now, also a process that is gone since; undefined: nobody. */
  lockHolder(migration: string): Promise<HeldBy | undefined>
  /** For `ferry unlock`: frees the lock whoever has it, and answers who had. The old holder's next write is refused (FERRY1407). */
  breakLock(migration: string): Promise<LockHolder | undefined>

  /** Migrations that have decisions, sorted. */
  list(): Promise<readonly string[]>
  /**
   * Puts this in the place of all that is recorded of a migration; undefined: nothing is left. Only by the holder of the lock. What was
   * there is kept as a backup first, in the format that it has.
   */
  replace(migration: string, content: StateContent | undefined): Promise<void>
  /**
   * What was overwritten and is kept, by lineage and serial: the last decisions, and what `replace` and the first write after an older format
   * found. None of these two ever takes the place of another backup.
   */
  backups(migration: string): Promise<readonly Backup[]>
  /**
   * One of them as a text for `decodeContent`. Behind a `replace` or an older format all is as it was. Of the last decisions the journal is as
   * long as it was then; the mirror's progress is no part of their overwrite and comes as it is now, that of marks that they and the
   * decisions of now both have: any other is void. Undefined: it is not there.
   */
  backup(migration: string, which: Backup): Promise<string | undefined>

  /** Ends what runs in the background. Locks that are held stay so, as when the process dies. */
  close(): Promise<void>
}

/** Of both ways: what `StateContent` holds. */
export const allProgress = async (
  store: Pick<StateStore, 'readProgress'>,
  migration: string,
): Promise<readonly PartitionProgress[]> => [
  ...(await store.readProgress(migration)).values(),
  ...(await store.readProgress(migration, 'reverse')).values(),
]
