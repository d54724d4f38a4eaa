import { dirname } from 'node:path'
import type { JournalEntry } from '../domain/journal.ts'
import {
  appendToFile,
  makeFolder,
  readIfThere,
  sizeOf,
  syncFolder,
  truncateFile,
} from './durable-files.ts'
import { encodeEntry, type NewEntry, nextEntry, readEntry } from './journal-chain.ts'

const NEWLINE = 0x0a

/** One journal as a file with an entry a line. */
export interface FileJournal {
  read(): Promise<readonly JournalEntry[]>
  /** How many entries there are. */
  length(): Promise<number>
  append(entry: NewEntry): Promise<JournalEntry>
}

interface Content {
  readonly entries: readonly JournalEntry[]
  /** Bytes up to here hold the entries; what follows was torn by a crash while it was written. */
  readonly intactBytes: number
  readonly bytes: number
  /** False if the last entry is whole but its newline is missing. */
  readonly endsLine: boolean
}

/**
 * The last line may be torn: a crash while it was appended leaves a part of it, never with its newline. Its writer was never told that
 * it is durable, so nothing was done because of it, and it is dropped. Anything else that does not fit the chain is an error.
 */
export const openFileJournal = (file: string): FileJournal => {
  /** What this process knows of the file, valid while it has `bytes`: reading all of it at each append would be quadratic. */
  let known: { readonly last: JournalEntry | undefined; readonly bytes: number } | undefined

  return {
    read: async () => (await readContent(file)).entries,
    length: async () => {
      if (known && (await sizeOf(file)) === known.bytes) return known.last?.seq ?? 0
      const { entries, intactBytes, bytes, endsLine } = await readContent(file)
      if (endsLine && intactBytes === bytes) known = { last: entries.at(-1), bytes }
      return entries.length
    },
    append: async (newEntry) => {
      await makeFolder(dirname(file))
      const before = known
      known = undefined
      const end = await readyToAppend(file, before)
      const entry = nextEntry(end.last, newEntry)
      const line = `${end.endsLine ? '' : '\n'}${encodeEntry(entry)}\n`
      await appendToFile(file, line)
      if (end.bytes === 0) await syncFolder(dirname(file))
      known = { last: entry, bytes: end.bytes + Buffer.byteLength(line) }
      return entry
    },
  }
}

interface End {
  readonly last: JournalEntry | undefined
  readonly bytes: number
  readonly endsLine: boolean
}

const readyToAppend = async (
  file: string,
  known: { readonly last: JournalEntry | undefined; readonly bytes: number } | undefined,
): Promise<End> => {
  if (known && (await sizeOf(file)) === known.bytes) return { ...known, endsLine: true }
  const content = await readContent(file)
  if (content.intactBytes < content.bytes) await truncateFile(file, content.intactBytes)
  return { last: content.entries.at(-1), bytes: content.intactBytes, endsLine: content.endsLine }
}

const readContent = async (file: string): Promise<Content> => {
  const content = (await readIfThere(file)) ?? Buffer.alloc(0)
  const entries: JournalEntry[] = []
  let start = 0
  for (let end = content.indexOf(NEWLINE); end !== -1; end = content.indexOf(NEWLINE, start)) {
    const line = content.toString('utf8', start, end)
    entries.push(readEntry(line, entries.at(-1), `${file}:${entries.length + 1}`))
    start = end + 1
  }
  const bytes = content.length
  if (start === bytes) return { entries, intactBytes: bytes, bytes, endsLine: true }
  // An editor may have taken the last newline away: an entry that fits the chain is not torn.
  const whole = entryOrTorn(content.toString('utf8', start), entries.at(-1))
  if (whole === undefined) return { entries, intactBytes: start, bytes, endsLine: true }
  return { entries: [...entries, whole], intactBytes: bytes, bytes, endsLine: false }
}

const entryOrTorn = (line: string, last: JournalEntry | undefined): JournalEntry | undefined => {
  try {
    return readEntry(line, last, '')
  } catch {
    return undefined
  }
}
