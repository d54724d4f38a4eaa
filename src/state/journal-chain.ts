import { canonicalLine, sha256 } from '../domain/canonical-json.ts'
import type { JournalEntry } from '../domain/journal.ts'
import {
  count,
  type Decoder,
  instant,
  Malformed,
  members,
  objectOf,
  oneOf,
  text,
} from './decode.ts'
import { damaged } from './records.ts'

/** What a caller says; the chain adds the rest. */
export type NewEntry = Pick<JournalEntry, 'at' | 'plan' | 'what'>

/** `previous` of the first entry. */
export const CHAIN_START = '0'.repeat(64)

/** The entry that follows `last`: numbered, chained and hashed. */
export const nextEntry = (last: JournalEntry | undefined, entry: NewEntry): JournalEntry => {
  const content = {
    seq: (last?.seq ?? 0) + 1,
    at: entry.at,
    plan: entry.plan,
    what: entry.what,
    previous: last?.hash ?? CHAIN_START,
  }
  return { ...content, hash: sha256(canonicalLine(content)) }
}

/** One line, without its newline. */
export const encodeEntry = (entry: JournalEntry): string => canonicalLine(entry)

const what: Decoder<JournalEntry['what']> = (value, pointer) => {
  const { kind } = members(value, pointer)
  switch (kind) {
    case 'intent':
      return objectOf({ kind: oneOf('intent'), step: text<string> })(value, pointer)
    case 'result':
      return objectOf({
        kind: oneOf('result'),
        step: text<string>,
        outcome: oneOf('done', 'failed', 'waiting'),
        facts: members,
      })(value, pointer)
    default:
      return objectOf({ kind: oneOf('plan-started', 'plan-finished') })(value, pointer)
  }
}

const journalEntry = objectOf<JournalEntry>({
  seq: count,
  at: instant,
  plan: text,
  what,
  previous: text,
  hash: text,
})

/** Reads the entry that must follow `last`. Throws FERRY1402 naming `where` if it does not: a line was changed, lost or added. */
export const readEntry = (
  line: string,
  last: JournalEntry | undefined,
  where: string,
): JournalEntry => {
  try {
    const entry = journalEntry(JSON.parse(line), '')
    const rebuilt = nextEntry(last, entry)
    if (entry.seq !== rebuilt.seq) {
      throw new Malformed('/seq', `expected entry ${rebuilt.seq}, found ${entry.seq}`)
    }
    if (entry.previous !== rebuilt.previous) {
      throw new Malformed('/previous', 'does not follow from the entry before')
    }
    if (entry.hash !== rebuilt.hash) {
      throw new Malformed('/hash', 'does not match the entry, which was changed')
    }
    return entry
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(where, `is not JSON (${error.message})`, error)
    if (error instanceof Malformed) throw damaged(where, error.message, error)
    throw error
  }
}
