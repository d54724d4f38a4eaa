import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { STATE_FORMAT_VERSION } from '../domain/state.ts'
import { identityOf, isGone, type ProcessIdentity } from '../process-identity.ts'
import { count, objectOf, oneOf, optional, text } from './decode.ts'
import {
  claimFile,
  makeFolder,
  namesIn,
  readIfThere,
  removeFile,
  syncFolder,
} from './durable-files.ts'
import { damaged, decodeRecord, encodeRecord } from './records.ts'
import type { Lock, LockHolder } from './state-store.ts'

/**
 * A lock in a folder, as a sequence of numbered files: `7.json` says who holds it, or that it is free. Taking, releasing, breaking and
 * taking over all make the file with the next number, which only one process can (see claimFile); nothing is ever overwritten, and the
 * file with the highest number stays. So two processes that find the same dead holder cannot both replace it, nor can one remove the
 * other's fresh lock; and a holder whose lock was broken sees that its number is no longer the highest.
 */
interface LockRecord {
  readonly formatVersion: typeof STATE_FORMAT_VERSION
  readonly state: 'held' | 'free'
  readonly token: string
  /** Who holds it; of a free lock: who had it last. */
  readonly holder?: LockHolder
  readonly process?: ProcessIdentity
}

const record = objectOf<LockRecord>({
  formatVersion: oneOf(STATE_FORMAT_VERSION),
  state: oneOf('held', 'free'),
  token: text,
  holder: optional(
    objectOf<LockHolder>({ user: text, host: text, pid: count, operation: text, since: text }),
  ),
  process: optional(
    objectOf<ProcessIdentity>({
      host: text,
      pid: count,
      pidNamespace: text,
      machine: text,
      boot: text,
      started: text,
    }),
  ),
})

/** A lock that its holder can ask whether it still has it. */
export interface FileLock extends Lock {
  /** Throws FERRY1407 if somebody broke the lock. */
  check(): Promise<void>
}

/** Throws FERRY1406 naming the holder if a process that may still run has it. */
export const takeLock = async (
  folder: string,
  name: string,
  holder: LockHolder,
): Promise<FileLock> => {
  await makeFolder(folder)
  const mine: LockRecord = {
    formatVersion: STATE_FORMAT_VERSION,
    state: 'held',
    token: randomUUID(),
    holder,
    process: identityOf(holder.pid),
  }
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

const freed = (held: LockRecord): LockRecord => ({
  formatVersion: STATE_FORMAT_VERSION,
  state: 'free',
  token: randomUUID(),
  ...(held.holder && { holder: held.holder }),
})

const holderIsGone = (held: LockRecord): boolean =>
  held.process !== undefined && isGone(held.process)

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
    if (content !== undefined) return { number, record: checked(content.toString(), file) }
  }
}

const checked = (source: string, file: string): LockRecord => {
  const found = decodeRecord(source, file, record)
  if (found.state === 'held' && !found.holder) throw damaged(file, '/holder: missing')
  return found
}

const fileOf = (folder: string, number: number): string => join(folder, `${number}.json`)

const numbersIn = async (folder: string): Promise<readonly number[]> =>
  (await namesIn(folder))
    .map((name) => /^([1-9][0-9]*)\.json$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)

const named = (holder: LockHolder | undefined): string =>
  holder === undefined
    ? 'somebody'
    : `${holder.user}@${holder.host} (pid ${holder.pid}, ${holder.operation}, since ${holder.since})`

const locked = (name: string, holder: LockHolder | undefined): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1406',
      detail: `${name} is locked by ${named(holder)}.`,
      fix: `Wait until it has ended. If you know that the process does not run any more: ferry unlock ${name}.`,
    }),
    { retriable: true },
  )

const lost = (name: string, holder: LockHolder | undefined): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1407',
      detail: `The lock of ${name} was broken while this run had it${holder ? `; now ${named(holder)} holds it` : ''}.`,
      fix: 'Find out who ran ferry unlock, and apply again when nobody else does.',
    }),
  )
