import type { PartitionProgress } from '../domain/partition-progress.ts'
import { isOfOther } from './progress-codec.ts'
import { damaged, newerFormat } from './records.ts'

/**
 * What a state topic holds, as a table: the last text of each key. Pure; `state-topic.ts` fills it.
 *
 * A text larger than a record may be is written in parts, each a record of its own, in order. A key that is written again begins with
 * part 0, so that what was left of a longer text before never mixes with it. No value is a tombstone of its part.
 */
export class StateTable {
  readonly #rows = new Map<string, Row>()

  /** Takes one record. Throws FERRY1402 for what Ferry cannot have written, FERRY1403 for what a later version has. */
  apply(record: StateRecord, where: string): void {
    const { key, part } = parseKey(record.key, where)
    const id = JSON.stringify(key)
    if (record.value === null) {
      // Parts above the text that is there now are the rest of a longer one.
      if (part === 0) this.#rows.delete(id)
      return
    }
    const header = numbersOf(record.header, where)
    if (part >= header.parts) throw damaged(where, `is part ${part} of ${header.parts}`)
    const row = part === 0 ? undefined : this.#rows.get(id)
    const holder = holderOf(key, record.value)
    const before = this.#rows.get(id)
    // Progress is written without fencing anybody: what a holder said at its end may come when the next one has begun, and would say that
    // nothing is on its way.
    // And what somebody else writes again may be older than what the holder has said since.
    if (before?.holder && holder && isBehind(holder, header.after, before.holder, before.after)) {
      before.isBuried = true
      return
    }
    const next: Row =
      row?.parts === header.parts
        ? row
        : { key, parts: header.parts, after: header.after, texts: new Map<number, Buffer>() }
    if (holder !== undefined) next.holder = holder
    next.texts.set(part, record.value)
    this.#rows.set(id, next)
  }

  /** How many parts a key has now; 0 if it is not there. */
  partsOf(key: StateKey): number {
    return this.#rows.get(JSON.stringify(key))?.parts ?? 0
  }

  /** Where the next text of a key stands among all of it that were ever there: for those whose order in the log is not theirs. */
  nextOf(key: StateKey): number {
    return this.afterOf(key) + 1
  }

  /** As in {@link StateText}, also where parts are missing; 0 if it is not there. */
  afterOf(key: StateKey): number {
    return this.#rows.get(JSON.stringify(key))?.after ?? 0
  }

  /** False where parts are missing, or all of it. */
  isWhole(key: StateKey): boolean {
    const row = this.#rows.get(JSON.stringify(key))
    return row !== undefined && row.texts.size === row.parts
  }

  /** Undefined if it was never written or is deleted. Throws FERRY1402 if a part is missing. */
  get(key: StateKey): StateText | undefined {
    const row = this.#rows.get(JSON.stringify(key))
    if (row === undefined) return undefined
    if (row.texts.size !== row.parts) {
      throw damaged(keyText(key), `${row.texts.size} of ${row.parts} parts are there`)
    }
    const parts = Array.from({ length: row.parts }, (_, i) => row.texts.get(i) ?? Buffer.alloc(0))
    return { text: Buffer.concat(parts).toString('utf8'), after: row.after }
  }

  /**
   * Progress that stands although something of an earlier holder was written behind it. To be written again with whatever is written next: a
   * broker that compacts the log keeps the last record of a key, whosever it is.
   */
  buried(): readonly StateWrite[] {
    return [...this.#rows.values()].flatMap(({ key, isBuried }) => {
      const stands = isBuried && this.get(key)
      return stands ? [{ key, ...stands }] : []
    })
  }

  /** Keys that begin with these words, in no order. */
  keys(...start: readonly (string | number)[]): readonly StateKey[] {
    return [...this.#rows.values()]
      .map(({ key }) => key)
      .filter((key) => start.every((word, i) => key[i] === word))
  }
}

/** `['journal', project, migration, 12]`: what a record is about. Its record's key is this as JSON with the part behind it. */
export type StateKey = readonly [kind: StateKind, project: string, ...rest: (string | number)[]]

const KINDS = [
  'decisions',
  'journal',
  'lock',
  'backup',
  'progress',
  'gaps',
  'reverse-progress',
  'reverse-gaps',
] as const
export type StateKind = (typeof KINDS)[number]

export interface StateText {
  readonly text: string
  /**
   * How many of the other kind (journal entries, or the serial of the decisions) were there when this was written; of progress, how many before
   * it; of a chunk of gaps that is a whole one, its generation (earlier versions: 0).
   */
  readonly after: number
}

/** As it is in the log. */
export interface StateRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Value of the header `ferry`: `<parts> <after>`. */
  readonly header: string
}

/** One change: a text for a key, or null to delete what is there. */
export interface StateWrite {
  readonly key: StateKey
  readonly text: string | null
  readonly after?: number
}

interface Row {
  readonly key: StateKey
  readonly parts: number
  readonly after: number
  readonly texts: Map<number, Buffer>
  /** Of progress. */
  holder?: Holder
  isBuried?: true
}

const PROGRESS_KINDS = new Set<StateKind>(['progress', 'reverse-progress'])

/** Its generation is higher than those of all before it; of two with the same one, who did not know of each other, the first has it. */
type Holder = PartitionProgress['holder']

/** Its checksum is seen to where it is read; here only its place among others counts. */
const holderOf = ([kind]: StateKey, value: Buffer): Holder | undefined => {
  if (!PROGRESS_KINDS.has(kind)) return undefined
  try {
    return (JSON.parse(value.toString()) as { readonly holder?: Holder }).holder
  } catch {
    return undefined
  }
}

const isBehind = (now: Holder, after: number, before: Holder, afterBefore: number): boolean => {
  if (now.generation !== before.generation) return now.generation < before.generation
  return isOfOther(now, before) || after < afterBefore
}

/** For people. */
export const keyText = (key: StateKey): string => key.join('/')

/** The records of one change, none with more than `maxBytes` of text. The key has `partsBefore` now: those that are too many are deleted. */
export const recordsOf = (
  write: StateWrite,
  partsBefore: number,
  maxBytes: number,
): readonly StateRecord[] => {
  const bytes = write.text === null ? Buffer.alloc(0) : Buffer.from(write.text)
  const parts = write.text === null ? 0 : Math.max(1, Math.ceil(bytes.length / maxBytes))
  const header = `${parts} ${write.after ?? 0}`
  return Array.from({ length: Math.max(parts, partsBefore) }, (_, part) => ({
    key: Buffer.from(JSON.stringify([...write.key, part])),
    value: part < parts ? bytes.subarray(part * maxBytes, (part + 1) * maxBytes) : null,
    header,
  }))
}

const parseKey = (
  raw: Buffer | null,
  where: string,
): { readonly key: StateKey; readonly part: number } => {
  const words = parsed(raw?.toString('utf8') ?? '')
  const part = words?.at(-1)
  if (words === undefined || words.length < 4 || typeof part !== 'number' || part < 0) {
    throw damaged(where, 'was not written by Ferry; the topic must hold nothing else')
  }
  if (!KINDS.includes(words[0] as StateKind)) {
    throw newerFormat(where, `with records of the kind ${JSON.stringify(words[0])}`)
  }
  return { key: words.slice(0, -1) as unknown as StateKey, part }
}

const parsed = (text: string): readonly (string | number)[] | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    const isKey =
      Array.isArray(value) &&
      value.every((word) => typeof word === 'string' || Number.isSafeInteger(word))
    return isKey ? (value as (string | number)[]) : undefined
  } catch {
    return undefined
  }
}

/** No text has more parts than a hundred thousand: that many records would be written to delete it. */
const numbersOf = (header: string, where: string): { parts: number; after: number } => {
  const [, parts, after] = /^([1-9][0-9]{0,4}) ([0-9]{1,15})$/.exec(header) ?? []
  if (parts === undefined) throw damaged(where, 'has no header that Ferry writes')
  return { parts: Number(parts), after: Number(after) }
}
