import { join } from 'node:path'
import {
  claimFile,
  makeFolder,
  namesIn,
  readIfThere,
  removeFile,
  syncFolder,
} from './durable-files.ts'
import {
  decodeLock,
  freed,
  heldBy,
  holderIsGone,
  type LockRecord,
  locked,
  lost,
} from './lock-record.ts'
import { encodeRecord } from './records.ts'
import type { Lock, LockHolder } from './state-store.ts'

/** A lock that its holder can ask whether it still has it. */
export interface FileLock extends Lock {
  /** Throws FERRY1407 if somebody broke the lock. */
  check(): Promise<void>
}

/**
 * A lock in a folder, as a sequence of numbered files: `7.json` says who holds it, or that it is free. Taking, releasing, breaking and
 * taking over all make the file with the next number, which only one process can (see claimFile); nothing is ever overwritten, and the
 * file with the highest number stays. So two processes that find the same dead holder cannot both replace it, nor can one remove the
 * other's fresh lock; and a holder whose lock was broken sees that its number is no longer the highest.
 *
 * Throws FERRY1406 naming the holder if a process that may still run has it.
 */
export const takeLock = async (
  folder: string,
  name: string,
  holder: LockHolder,
): Promise<FileLock> => {
  await makeFolder(folder)
  const mine = heldBy(holder)
  for (;;) {
    const latest = await readLatest(folder)
    const takenOverFrom = latest.record?.state === 'held' ? latest.record.holder : undefined
    if (latest.record?.state === 'held' && !holderIsGone(latest.record)) {
      throw locked(name, takenOverFrom)
    }
    const number = latest.number + 1
    if (await advance(folder, number, mine))
      return fileLock(folder, name, number, mine, takenOverFrom)
    // Somebody was faster: look again at who has it now.
  }
}

/** Who holds the lock now; undefined if nobody does. */
export const readHolder = async (folder: string): Promise<LockHolder | undefined> => {
  const { record: latest } = await readLatest(folder)
  return latest?.state === 'held' ? latest.holder : undefined
}

/** Frees the lock whoever has it; answers who had. */
export const breakLock = async (folder: string): Promise<LockHolder | undefined> => {
  for (;;) {
    const latest = await readLatest(folder)
    if (latest.record?.state !== 'held') return undefined
    if (await advance(folder, latest.number + 1, freed(latest.record))) return latest.record.holder
  }
}

const fileLock = (
  folder: string,
  name: string,
  number: number,
  mine: LockRecord & { readonly holder?: LockHolder },
  takenOverFrom: LockHolder | undefined,
): FileLock => {
  const isMine = async () => {
    const latest = await readLatest(folder)
    return latest.number === number && latest.record?.token === mine.token
  }
  return {
    holder: mine.holder as LockHolder,
    takenOverFrom,
    check: async () => {
      if (!(await isMine())) throw lost(name, await readHolder(folder))
    },
    release: async () => {
      if (await isMine()) await advance(folder, number + 1, freed(mine))
    },
  }
}

/** Makes the file with this number; false if another process was faster. */
const advance = async (folder: string, number: number, next: LockRecord): Promise<boolean> => {
  const file = fileOf(folder, number)
  if (!(await claimFile(file, encodeRecord(next)))) return false
  const numbers = await numbersIn(folder)
  if (numbers.some((n) => n > number)) {
    // We acted on an old view, and this number had been used and cleaned away: the higher one counts.
    await removeFile(file)
    return false
  }
  // One older file stays, so that whoever lists the folder right now does not find it empty.
  for (const old of numbers.filter((n) => n < number - 1)) await removeFile(fileOf(folder, old))
  await syncFolder(folder)
  return true
}

const readLatest = async (
  folder: string,
): Promise<{ readonly number: number; readonly record: LockRecord | undefined }> => {
  for (;;) {
    const number = Math.max(0, ...(await numbersIn(folder)))
    if (number === 0) return { number, record: undefined }
    const file = fileOf(folder, number)
    const content = await readIfThere(file)
    // Gone between listing and reading: it was superseded.
    if (content !== undefined) return { number, record: decodeLock(content.toString(), file) }
  }
}

const fileOf = (folder: string, number: number): string => join(folder, `${number}.json`)

const numbersIn = async (folder: string): Promise<readonly number[]> =>
  (await namesIn(folder))
    .map((name) => /^([1-9][0-9]*)\.json$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
