import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { JournalEntry } from '../domain/journal.ts'
import { type GapChunk, type PartitionProgress, SpokenFor } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { identityOf, type ProcessIdentity } from '../process-identity.ts'
import { backupsIn, contentOfBackup } from './backups.ts'
import { isOlder, progressOfWay, wholeChunks } from './content-codec.ts'
import { encodeDecisions } from './decisions-codec.ts'
import { type NewEntry, nextEntry } from './journal-chain.ts'
import { MigrationRecords } from './kafka-decisions.ts'
import {
  gapsWrites,
  progressIn,
  progressReplacing,
  progressWrites,
  spokenFor,
} from './kafka-progress.ts'
import { heldBy, holderIsGone, type LockRecord, locked, lost } from './lock-record.ts'
import { isSameLease, looksOver, outliveLease } from './outlive-lease.ts'
import { type Change, StateLog } from './state-log.ts'
import type { Backup, HeldBy, Lock, LockHolder, StateContent, StateStore } from './state-store.ts'
import type { StateTable } from './state-table.ts'
import { DECISIONS, PROGRESS } from './state-topic.ts'

export interface KafkaStoreOptions {
  /** Names the project's records: several projects may share a topic. */
  readonly project: string
  readonly clusterName: string
  readonly topic: TopicName
  /** Asked once, when something is first read or written. */
  readonly connect: () => Promise<Cluster>
  readonly now?: () => Date
  /** How long a lock outlives the last word of its holder. */
  readonly leaseMs?: number
  /** How often a holder says that it is still there. Default: a third of the lease. */
  readonly renewMs?: number
  readonly identify?: (pid: number) => ProcessIdentity
  /** Told what is waited for. */
  readonly report?: (line: string) => void
  /** Ends that wait. */
  readonly signal?: AbortSignal
}

/** Renewed three times as often. Longer than a broker needs to come back. Whoever finds a lease of another version waits as long as this, too. */
const LEASE_MS = 60_000

/**
 * The state on a compacted topic. Decisions, journal and lock are written under a transactional id of the migration: who takes it fences
 * all others, so what was read after taking it is still so when the transaction commits. Reading, checking and writing are thus one step,
 * whoever else tries at the same time; and a holder whose lock was broken finds its writes refused by the broker, then reads that the lock
 * is not its own.
 */
export class KafkaStore implements StateStore {
  readonly describe: string
  readonly #options: KafkaStoreOptions
  readonly #now: () => Date
  readonly #leaseMs: number
  readonly #log: StateLog
  /** Locks that this store holds, with their renewal. */
  readonly #held = new Map<string, { readonly lock: LockRecord; readonly timer: NodeJS.Timeout }>()

  /** By partition, the generation under which this process was the first to speak: whoever takes the same one is refused. */
  readonly #spoken = new Map<string, number>()
  /** Migrations whose decisions are in the newest format. */
  readonly #current = new Set<string>()

  constructor(options: KafkaStoreOptions) {
    this.#options = options
    this.#now = options.now ?? (() => new Date())
    this.#leaseMs = options.leaseMs ?? LEASE_MS
    this.describe = `topic ${options.topic} on ${options.clusterName}`
    this.#log = new StateLog(this.describe, options.topic, options.connect)
  }

  readDecisions(migration: string): Promise<MigrationState | undefined> {
    return this.#log.read(DECISIONS, (table) => this.#records(migration).decisions(table))
  }

  async writeDecisions(next: MigrationState, expectedSerial: number): Promise<void> {
    if (next.serial !== expectedSerial + 1) {
      throw new Error(`serial ${next.serial} does not follow ${expectedSerial}`)
    }
    const records = this.#records(next.migration)
    await this.#keepOlder(next.migration)
    await this.#write(next.migration, (table, isRetry) => {
      const stored = records.decisions(table)
      // Its answer was lost, but it was committed.
      if (isRetry && stored && encodeDecisions(stored) === encodeDecisions(next)) return []
      return records.decisionsWrites(table, next, expectedSerial)
    })
  }

  readJournal(migration: string): Promise<readonly JournalEntry[]> {
    return this.#log.read(DECISIONS, (table) => this.#records(migration).journal(table))
  }

  async appendJournal(migration: string, entry: NewEntry): Promise<JournalEntry> {
    const records = this.#records(migration)
    let written: JournalEntry | undefined
    await this.#write(migration, (table) => {
      const last = records.journal(table).at(-1)
      if (written !== undefined && last?.hash === written.hash) return []
      written = nextEntry(last, entry)
      return [records.entryWrite(table, written)]
    })
    return written as JournalEntry
  }

  readProgress(
    migration: string,
    way?: 'reverse',
  ): Promise<ReadonlyMap<PartitionKey, PartitionProgress>> {
    return this.#storedProgress(migration).then((stored) => progressOfWay(stored, way))
  }

  async writeProgress(migration: string, progress: readonly PartitionProgress[]): Promise<void> {
    if (progress.length === 0) return
    const { project } = this.#options
    await this.#log.changeProgress((table) => progressWrites(project, migration, progress, table))
    const nameOf = (each: PartitionProgress) =>
      `${migration}/${each.way ?? ''}/${partitionKey(each.topic, each.partition)}`
    const first = progress.filter(
      (each) => this.#spoken.get(nameOf(each)) !== each.holder.generation,
    )
    if (first.length === 0) return
    const others = await this.#log.read(PROGRESS, (table) =>
      spokenFor(project, migration, first, table),
    )
    const refused = others.length > 0 ? new SpokenFor(others) : undefined
    for (const each of first) {
      if (!refused?.isOf(each)) this.#spoken.set(nameOf(each), each.holder.generation)
    }
    if (refused) throw refused
  }

  async appendGaps(migration: string, chunks: readonly GapChunk[]): Promise<void> {
    if (chunks.length === 0) return
    await this.#log.changeProgress((table) =>
      gapsWrites(this.#options.project, migration, chunks, table),
    )
  }

  async lock(migration: string, holder: LockHolder): Promise<Lock> {
    const records = this.#records(migration)
    const identify = this.#options.identify ?? identityOf
    const mine = heldBy(holder, identify(holder.pid))
    let takenOverFrom: LockHolder | undefined
    /** What stood unchanged for a whole lease. */
    let outlived: LockRecord | undefined
    for (;;) {
      let inTheWay: LockRecord | undefined
      await this.#write(
        migration,
        (table) => {
          inTheWay = undefined
          const found = records.lock(table)
          if (found?.token === mine.token) return []
          if (
            found !== undefined &&
            !holderIsGone(found) &&
            !(outlived && isSameLease(outlived, found))
          ) {
            if (!looksOver(found, this.#now())) throw locked(migration, found.holder, found.expires)
            inTheWay = found
            return []
          }
          takenOverFrom = found?.holder
          return [records.lockWrite(this.#renewed(mine))]
        },
        'anybody',
      )
      if (inTheWay === undefined) break
      const { report, signal } = this.#options
      const look = () => this.#log.read(DECISIONS, (table) => records.lock(table))
      const leaseMs = this.#leaseMs
      await outliveLease(inTheWay, { name: migration, leaseMs, look, report, signal })
      outlived = inTheWay
    }
    const renewMs = this.#options.renewMs ?? this.#leaseMs / 3
    const timer = setInterval(() => this.#renew(migration, mine), renewMs).unref()
    this.#held.set(migration, { lock: mine, timer })
    return {
      holder,
      takenOverFrom,
      release: async () => {
        clearInterval(timer)
        if (this.#held.get(migration)?.lock.token === mine.token) this.#held.delete(migration)
        await this.#write(
          migration,
          (table) =>
            records.lock(table)?.token === mine.token ? [records.lockWrite(undefined)] : [],
          'anybody',
        )
      },
    }
  }

  lockHolder(migration: string): Promise<HeldBy | undefined> {
    return this.#log.read(DECISIONS, (table) => {
      const { holder, expires } = this.#records(migration).lock(table) ?? {}
      return holder && { ...holder, ...(expires && { expires }) }
    })
  }

  async breakLock(migration: string): Promise<LockHolder | undefined> {
    const records = this.#records(migration)
    let had: LockHolder | undefined
    await this.#write(
      migration,
      (table) => {
        const found = records.lock(table)
        if (found === undefined) return []
        had = found.holder
        return [records.lockWrite(undefined)]
      },
      'anybody',
    )
    return had
  }

  list(): Promise<readonly string[]> {
    return this.#log.read(DECISIONS, (table) => {
      const keys = table.keys('decisions', this.#options.project)
      return [...new Set(keys.map((key) => String(key[2])))].sort()
    })
  }

  /**
   * 1. Keep what is there: who lost the lock gets no further.
   * 2. Decisions and progress in one transaction: decisions never stand beside the progress of others, nor without their own. An offset index
   *    that is lost cannot be made again.
   */
  async replace(migration: string, content: StateContent | undefined): Promise<void> {
    const { project } = this.#options
    const records = this.#records(migration)
    const kept = await this.#storedProgress(migration)
    await this.#write(migration, (table) => records.backupWrites(table, kept))
    const next = content?.progress ?? []
    const chunks = wholeChunks(next)
    this.#spoken.clear()
    await this.#log.changeAll(this.#transactionalId(migration), (decisions, progress) => {
      this.#refuseUnlessMine(decisions, migration)
      return {
        decisions: records.replaceWrites(decisions, content),
        progress: progressReplacing(project, migration, next, chunks, progress),
      }
    })
  }

  backups(migration: string): Promise<readonly Backup[]> {
    return this.#log.read(DECISIONS, (table) => backupsIn(this.#records(migration).kept(table)))
  }

  async backup(migration: string, which: Backup): Promise<string | undefined> {
    const progress = await this.#storedProgress(migration)
    return this.#log.read(DECISIONS, (table) =>
      contentOfBackup(this.#records(migration).kept(table), which, progress),
    )
  }

  async close(): Promise<void> {
    for (const { timer } of this.#held.values()) clearInterval(timer)
    await this.#log.close()
  }

  #storedProgress(migration: string) {
    return this.#log.read(PROGRESS, (table) => progressIn(this.#options.project, migration, table))
  }

  /** Once: after that, all that this store finds was written by versions that know the newest format. */
  async #keepOlder(migration: string): Promise<void> {
    if (this.#current.has(migration)) return
    const records = this.#records(migration)
    const stored = await this.#log.read(DECISIONS, (table) => records.storedDecisions(table))
    if (stored && isOlder(stored.text)) {
      const progress = await this.#storedProgress(migration)
      await this.#write(migration, (table) => records.backupWrites(table, progress))
    }
    this.#current.add(migration)
  }

  #write(migration: string, change: Change, by: 'holder' | 'anybody' = 'holder'): Promise<void> {
    return this.#log.changeDecisions(this.#transactionalId(migration), (table, isRetry) => {
      if (by === 'holder') this.#refuseUnlessMine(table, migration)
      return change(table, isRetry)
    })
  }

  /** Throws FERRY1407 if this store had the lock and has it no longer. */
  #refuseUnlessMine(table: StateTable, migration: string): void {
    const held = this.#held.get(migration)
    if (held === undefined) return
    const found = this.#records(migration).lock(table)
    if (found?.token !== held.lock.token) throw lost(migration, found?.holder)
  }

  #renewed(lock: LockRecord): LockRecord {
    return { ...lock, expires: new Date(this.#now().getTime() + this.#leaseMs).toISOString() }
  }

  /** Failing costs nothing yet: the next renewal may succeed, and a lock that was lost is noticed by whoever writes. */
  #renew(migration: string, mine: LockRecord): void {
    const records = this.#records(migration)
    const renewing = this.#write(
      migration,
      (table) =>
        records.lock(table)?.token === mine.token ? [records.lockWrite(this.#renewed(mine))] : [],
      'anybody',
    )
    renewing.catch(() => undefined)
  }

  #records(migration: string): MigrationRecords {
    return new MigrationRecords(this.#options.project, migration)
  }

  #transactionalId(migration: string): string {
    return `ferry-${this.#options.topic}-${this.#options.project}-${migration}`
  }
}
