import { join } from 'node:path'
import type { MigrationState } from '../domain/state.ts'
import type { Kept } from './backups.ts'
import type { Stored } from './content-codec.ts'
import { decodeDecisions, encodeDecisions } from './decisions-codec.ts'
import {
  claimFile,
  makeFolder,
  namesIn,
  readIfThere,
  removeFile,
  replaceFile,
  sizeOf,
  syncFolder,
} from './durable-files.ts'
import { damaged, serialMoved } from './records.ts'

/**
 * The decisions of one migration as files. `decisions.<serial>.json` is made first, and only one writer can make it: that is the
 * moment of the write, and what refuses a second writer of the same serial even without the lock. Then `decisions.json`, a copy for
 * people and the place where a reader starts, is replaced; a crash in between leaves it one behind, which a reader makes up for. The
 * numbered files double as backups: `ferry state pull --backup` makes a whole state of one of them.
 */

const BACKUPS_KEPT = 20
const CURRENT = 'decisions.json'
const JOURNAL = 'journal.jsonl'

/** Undefined only where nothing was ever written. */
export const readDecisionFiles = async (folder: string): Promise<MigrationState | undefined> =>
  (await readStoredDecisions(folder))?.value

/** The same with its text. */
export const readStoredDecisions = async (
  folder: string,
): Promise<Stored<MigrationState> | undefined> => {
  let latest = await readFrom(join(folder, CURRENT))
  if (latest === undefined) await refuseLost(folder)
  for (;;) {
    const serial = (latest?.value.serial ?? 0) + 1
    const file = join(folder, numbered(serial))
    const next = await readFrom(file)
    if (next === undefined) return latest
    if (next.value.serial !== serial) throw damaged(file, `holds serial ${next.value.serial}`)
    const lineage = latest?.value.lineage ?? next.value.lineage
    if (next.value.lineage !== lineage) {
      throw damaged(file, `holds lineage ${next.value.lineage}, ${CURRENT} holds ${lineage}`)
    }
    latest = next
  }
}

export const writeDecisionFiles = async (
  folder: string,
  next: MigrationState,
  expectedSerial: number,
  entries: number,
): Promise<void> => {
  if (next.serial !== expectedSerial + 1) {
    throw new Error(`serial ${next.serial} does not follow ${expectedSerial}`)
  }
  const current = join(folder, CURRENT)
  const stored = await readDecisionFiles(folder)
  if ((stored?.serial ?? 0) !== expectedSerial || (stored && stored.lineage !== next.lineage)) {
    throw serialMoved(current, expectedSerial, stored?.serial ?? 0)
  }
  await makeFolder(folder)
  const text = encodeDecisions(next, entries)
  if (!(await claimFile(join(folder, numbered(next.serial)), text))) {
    throw serialMoved(current, expectedSerial, next.serial)
  }
  // Before the copy: once a reader starts at the copy, the claim must not be gone after a power cut.
  await syncFolder(folder)
  await replaceFile(current, text)
  await prune(folder, next.serial - BACKUPS_KEPT)
  await syncFolder(folder)
}

/**
 * Puts these in the place of what is there, whatever their serial; undefined: nothing is left. Only under the lock.
 * Whenever it is interrupted, a reader finds the old ones or the new ones.
 */
export const replaceDecisionFiles = async (
  folder: string,
  next: { readonly decisions: MigrationState; readonly entries: number } | undefined,
): Promise<void> => {
  const current = join(folder, CURRENT)
  const stored = await readDecisionFiles(folder)
  await makeFolder(folder)
  if (stored) await replaceFile(current, encodeDecisions(stored))
  await syncFolder(folder)
  await prune(folder, Number.POSITIVE_INFINITY)
  if (next === undefined) {
    await removeFile(current)
  } else {
    const text = encodeDecisions(next.decisions, next.entries)
    await replaceFile(current, text)
    await claimFile(join(folder, numbered(next.decisions.serial)), text)
  }
  await syncFolder(folder)
}

/** Texts of decisions below this serial that are kept. */
export const readEarlier = (folder: string, below: number): Promise<Kept['earlier']> =>
  readAll(folder, (name) => (serialOf(name) ?? below) < below)

/** All files of a folder that have such names. */
export const readAll = async (
  folder: string,
  isAsked: (name: string) => boolean,
): Promise<Kept['whole']> => {
  const found: Kept['whole'][number][] = []
  for (const name of (await namesIn(folder)).filter(isAsked)) {
    const where = join(folder, name)
    const text = (await readIfThere(where))?.toString()
    if (text !== undefined) found.push({ where, text })
  }
  return found
}

const readFrom = async (file: string): Promise<Stored<MigrationState> | undefined> => {
  const text = (await readIfThere(file))?.toString()
  return text === undefined ? undefined : { value: decodeDecisions(text, file), text }
}

/** Files that can only exist after a first write: without decisions, these were lost, and nothing may start over. */
const refuseLost = async (folder: string): Promise<void> => {
  const serials = await numberedIn(folder)
  // The very first write was interrupted between its two files.
  if (serials.includes(1)) return
  const witness =
    serials.length > 0
      ? numbered(Math.max(...serials))
      : (await sizeOf(join(folder, JOURNAL))) > 0 && JOURNAL
  if (witness) throw damaged(join(folder, CURRENT), `is missing, but ${witness} is there`)
}

const prune = async (folder: string, upTo: number): Promise<void> => {
  for (const serial of await numberedIn(folder)) {
    if (serial <= upTo) await removeFile(join(folder, numbered(serial)))
  }
}

const numbered = (serial: number): string => `decisions.${serial}.json`

const numberedIn = async (folder: string): Promise<readonly number[]> =>
  (await namesIn(folder)).flatMap((name) => serialOf(name) ?? [])

const serialOf = (name: string): number | undefined => {
  const [, serial] = /^decisions\.([1-9][0-9]*)\.json$/.exec(name) ?? []
  return serial === undefined ? undefined : Number(serial)
}
