import { join, relative } from 'node:path'
import type { PartitionKey } from '../domain/ids.ts'
import type { JournalEntry } from '../domain/journal.ts'
import type { GapChunk, PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import { backupOf, backupsIn, contentOfBackup, type Kept } from './backups.ts'
import { encodeStored, isOlder, progressOfWay, type Stored } from './content-codec.ts'
import {
  makeFolder,
  namesIn,
  removeAbandoned,
  removeFile,
  replaceFile,
  syncFolder,
} from './durable-files.ts'
import {
  readAll,
  readDecisionFiles,
  readEarlier,
  readStoredDecisions,
  replaceDecisionFiles,
  writeDecisionFiles,
} from './file-decisions.ts'
import { type FileJournal, openFileJournal } from './file-journal.ts'
import { breakLock, type FileLock, readHolder, takeLock } from './file-lock.ts'
import { FileProgress } from './file-progress.ts'
import { encodeEntry, type NewEntry } from './journal-chain.ts'
import { damaged } from './records.ts'
import { safeName } from './safe-name.ts'
import type { Backup, HeldBy, Lock, LockHolder, StateContent, StateStore } from './state-store.ts'

/** Folder of what `replace` kept. */
const BACKUP = 'backup'
const BACKUP_NAME = /^([0-9]+|.+\.[0-9]+\.[0-9a-f]{16})\.json$/

/**
 * The state in a folder of this machine, a folder for each migration:
 * ```
 * orders/decisions.json          decisions.<serial>.json: the last twenty
 * orders/journal.jsonl           an entry a line
 * orders/progress/<topic>-<n>.<generation>.json, and .gaps.jsonl; of the way back <topic>-<n>.reverse.<generation>.json
 * orders/lock/<n>.json           the highest number says who holds the lock
 * orders/backup/<lineage>.<serial>.<digest>.json
 *                                what ferry state push or forget replaced, and what was in an older format, whole; 0.1 named it <serial>.json
 * ```
 */
export class FileStore implements StateStore {
  readonly describe: string
  readonly #directory: string
  readonly #journals = new Map<string, FileJournal>()
  /** Locks that this store holds: nothing is written under one that was broken meanwhile. */
  readonly #locks = new Map<string, FileLock>()
  readonly #progresses = new Map<string, FileProgress>()
  /** Migrations whose decisions are in the newest format. */
  readonly #current = new Set<string>()

  constructor(directory: string) {
    this.#directory = directory
    const shown = relative(process.cwd(), directory)
    this.describe = `${shown === '' || shown.startsWith('..') ? directory : shown}/ (this machine)`
  }

  async readDecisions(migration: string): Promise<MigrationState | undefined> {
    return (await this.#decisions(migration))?.value
  }

  async writeDecisions(next: MigrationState, expectedSerial: number): Promise<void> {
    await this.#locks.get(next.migration)?.check()
    await this.#keepOlder(next.migration)
    const entries = await this.#journal(next.migration).length()
    await writeDecisionFiles(this.#folder(next.migration), next, expectedSerial, entries)
  }

  async readJournal(migration: string): Promise<readonly JournalEntry[]> {
    return this.#journal(migration).read()
  }

  async appendJournal(migration: string, entry: NewEntry): Promise<JournalEntry> {
    await this.#locks.get(migration)?.check()
    return this.#journal(migration).append(entry)
  }

  async readProgress(
    migration: string,
    way?: 'reverse',
  ): Promise<ReadonlyMap<PartitionKey, PartitionProgress>> {
    return progressOfWay(await this.#progress(migration).read(), way)
  }

  async writeProgress(migration: string, progress: readonly PartitionProgress[]): Promise<void> {
    await this.#progress(migration).write(progress)
  }

  async appendGaps(migration: string, chunks: readonly GapChunk[]): Promise<void> {
    await this.#progress(migration).appendGaps(chunks)
  }

  async lock(migration: string, holder: LockHolder): Promise<Lock> {
    const lock = await takeLock(this.#folder(migration, 'lock'), migration, holder)
    this.#locks.set(migration, lock)
    // Only tidiness: what it cannot remove harms nobody, and the lock is held.
    await this.#cleanUp(migration).catch(() => undefined)
    return {
      holder: lock.holder,
      takenOverFrom: lock.takenOverFrom,
      release: async () => {
        if (this.#locks.get(migration) === lock) this.#locks.delete(migration)
        await lock.release()
      },
    }
  }

  async lockHolder(migration: string): Promise<HeldBy | undefined> {
    return readHolder(this.#folder(migration, 'lock'))
  }

  async breakLock(migration: string): Promise<LockHolder | undefined> {
    return breakLock(this.#folder(migration, 'lock'))
  }

  async list(): Promise<readonly string[]> {
    const states = await Promise.all(
      (await namesIn(this.#directory)).map((name) =>
        readDecisionFiles(join(this.#directory, name)),
      ),
    )
    return states.flatMap((state) => (state === undefined ? [] : [state.migration])).sort()
  }

  async replace(migration: string, content: StateContent | undefined): Promise<void> {
    await this.#locks.get(migration)?.check()
    const stored = await this.#decisions(migration)
    if (stored !== undefined) await this.#backUp(migration, stored)
    await this.#progress(migration).replace(content?.progress ?? [])
    // In this order a journal never stands alone, which would look as if its decisions were lost.
    if (content) {
      const { decisions, journal } = content
      await replaceDecisionFiles(this.#folder(migration), { decisions, entries: journal.length })
    }
    await this.#replaceJournal(migration, content?.journal)
    if (!content) await replaceDecisionFiles(this.#folder(migration), undefined)
  }

  async backups(migration: string): Promise<readonly Backup[]> {
    return backupsIn(await this.#kept(migration))
  }

  async backup(migration: string, which: Backup): Promise<string | undefined> {
    const progress = await this.#progress(migration).read()
    return contentOfBackup(await this.#kept(migration), which, progress)
  }

  async close(): Promise<void> {}

  async #kept(migration: string): Promise<Kept> {
    const now = await this.readDecisions(migration)
    return {
      whole: await readAll(this.#folder(migration, BACKUP), (name) => BACKUP_NAME.test(name)),
      earlier: await readEarlier(this.#folder(migration), now?.serial ?? 0),
      now,
      journal: await this.readJournal(migration),
    }
  }

  /** Once: after that, all that this store finds was written by versions that know the newest format. */
  async #keepOlder(migration: string): Promise<void> {
    if (this.#current.has(migration)) return
    const stored = await this.#decisions(migration)
    if (stored && isOlder(stored.text)) await this.#backUp(migration, stored)
    this.#current.add(migration)
  }

  async #decisions(migration: string): Promise<Stored<MigrationState> | undefined> {
    const stored = await readStoredDecisions(this.#folder(migration))
    if (stored && stored.value.migration !== migration) {
      throw damaged(this.#folder(migration), `holds the decisions of ${stored.value.migration}`)
    }
    return stored
  }

  async #backUp(migration: string, decisions: Stored<MigrationState>): Promise<void> {
    const journal = await this.readJournal(migration)
    const progress = await this.#progress(migration).read()
    const folder = this.#folder(migration, BACKUP)
    await makeFolder(folder)
    const text = encodeStored({ decisions, journal, progress })
    const { lineage, serial, digest } = backupOf(text, folder)
    await replaceFile(join(folder, `${safeName(lineage)}.${serial}.${digest}.json`), text)
    await syncFolder(folder)
  }

  async #replaceJournal(
    migration: string,
    entries: readonly JournalEntry[] | undefined,
  ): Promise<void> {
    this.#journals.delete(migration)
    const file = this.#folder(migration, 'journal.jsonl')
    const lines = entries?.map((entry) => `${encodeEntry(entry)}\n`) ?? []
    if (lines.length > 0) await replaceFile(file, lines.join(''))
    else await removeFile(file)
    await syncFolder(this.#folder(migration))
  }

  async #cleanUp(migration: string): Promise<void> {
    const lockFolder = this.#folder(migration, 'lock')
    const justWritten = (await namesIn(lockFolder)).filter((name) => name.endsWith('.json'))
    const clock = join(lockFolder, justWritten.at(-1) ?? '')
    for (const part of ['', 'progress', 'lock']) {
      await removeAbandoned(this.#folder(migration, part), clock)
    }
    await this.#progress(migration).removeReplaced()
  }

  #journal(migration: string): FileJournal {
    const known = this.#journals.get(migration)
    if (known) return known
    const journal = openFileJournal(this.#folder(migration, 'journal.jsonl'))
    this.#journals.set(migration, journal)
    return journal
  }

  #progress(migration: string): FileProgress {
    const known = this.#progresses.get(migration)
    if (known) return known
    const progress = new FileProgress(this.#folder(migration, 'progress'))
    this.#progresses.set(migration, progress)
    return progress
  }

  #folder(migration: string, part = ''): string {
    return join(this.#directory, safeName(migration), part)
  }
}
