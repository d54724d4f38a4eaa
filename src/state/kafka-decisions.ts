import type { JournalEntry } from '../domain/journal.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import { backupOf, type Kept } from './backups.ts'
import { encodeStored, type Stored } from './content-codec.ts'
import { decodeDecisions, encodeDecisions } from './decisions-codec.ts'
import { encodeEntry, readEntry } from './journal-chain.ts'
import { decodeLock, type LockRecord } from './lock-record.ts'
import { damaged, encodeRecord, serialMoved } from './records.ts'
import {
  keyText,
  type StateKey,
  type StateTable,
  type StateText,
  type StateWrite,
} from './state-table.ts'

/**
 * Decisions, journal and lock of one migration in a state topic. Each serial and each journal entry has a key of its own, so nothing is
 * overwritten: the highest serial counts, some earlier ones stay as backups. Every record says how far the other kind was, so that a log
 * that lost its end is noticed.
 */
export class MigrationRecords {
  readonly #project: string
  readonly #migration: string

  constructor(project: string, migration: string) {
    this.#project = project
    this.#migration = migration
  }

  /** Undefined only where nothing was ever written. */
  decisions(table: StateTable): MigrationState | undefined {
    return this.storedDecisions(table)?.value
  }

  /** The same with its text. */
  storedDecisions(table: StateTable): Stored<MigrationState> | undefined {
    const serial = this.#highest(table, 'decisions')
    const journal = this.#texts(table, 'journal')
    const expected = Math.max(0, ...journal.map(({ after }) => after))
    if (serial < expected) throw this.#lost('decisions', expected)
    if (serial === 0) return undefined
    const key = this.#key('decisions', serial)
    const found = table.get(key)
    const text = found?.text ?? ''
    const state = decodeDecisions(text, keyText(key))
    if (state.serial !== serial || state.migration !== this.#migration) {
      throw damaged(keyText(key), `holds serial ${state.serial} of ${state.migration}`)
    }
    if (journal.length < (found?.after ?? 0)) throw this.#lost('journal', found?.after ?? 0)
    return { value: state, text }
  }

  /** Checked: a broken chain is an error. */
  journal(table: StateTable): readonly JournalEntry[] {
    const entries: JournalEntry[] = []
    for (const { key, text } of this.#texts(table, 'journal')) {
      entries.push(readEntry(text, entries.at(-1), keyText(key)))
    }
    return entries
  }

  lock(table: StateTable): LockRecord | undefined {
    const key = this.#key('lock')
    const found = table.get(key)
    return found && decodeLock(found.text, keyText(key))
  }

  /** What was overwritten and is there still: kept whole, and the decisions that were overwritten last. */
  kept(table: StateTable): Kept {
    const highest = this.#highest(table, 'decisions')
    const texts = (kind: 'backup' | 'decisions') =>
      this.#texts(table, kind).map(({ key, ...each }) => ({ ...each, key, where: keyText(key) }))
    return {
      whole: texts('backup'),
      earlier: texts('decisions').flatMap(({ key, after, ...each }) =>
        Number(key.at(-1)) < highest ? [{ ...each, entries: after }] : [],
      ),
      now: this.decisions(table),
      journal: this.journal(table),
    }
  }

  /** Throws FERRY1404 unless these follow from what is there. */
  decisionsWrites(
    table: StateTable,
    next: MigrationState,
    expectedSerial: number,
  ): readonly StateWrite[] {
    const stored = this.decisions(table)
    const isNext = (stored?.serial ?? 0) === expectedSerial
    if (!isNext || (stored && stored.lineage !== next.lineage)) {
      const where = keyText(this.#key('decisions', stored?.serial ?? 0))
      throw serialMoved(where, expectedSerial, stored?.serial ?? 0)
    }
    const old = table
      .keys('decisions', this.#project, this.#migration)
      .filter((key) => Number(key.at(-1)) <= next.serial - SERIALS_KEPT)
    return [
      {
        key: this.#key('decisions', next.serial),
        text: encodeDecisions(next, this.#highest(table, 'journal')),
        after: this.#highest(table, 'journal'),
      },
      ...old.map((key) => ({ key, text: null })),
    ]
  }

  entryWrite(table: StateTable, entry: JournalEntry): StateWrite {
    return {
      key: this.#key('journal', entry.seq),
      text: encodeEntry(entry),
      after: this.#highest(table, 'decisions'),
    }
  }

  lockWrite(lock: LockRecord | undefined): StateWrite {
    return { key: this.#key('lock'), text: lock === undefined ? null : encodeRecord(lock) }
  }

  /** Keeps what is there, with this progress. */
  backupWrites(
    table: StateTable,
    progress: readonly Stored<PartitionProgress>[],
  ): readonly StateWrite[] {
    const decisions = this.storedDecisions(table)
    if (decisions === undefined) return []
    const text = encodeStored({ decisions, journal: this.journal(table), progress })
    const { lineage, serial, digest } = backupOf(text, 'the state')
    // The serial last, where versions before look for it.
    return [{ key: this.#key('backup', lineage, digest, serial), text }]
  }

  /** These instead of all that is there. */
  replaceWrites(
    table: StateTable,
    next:
      | { readonly decisions: MigrationState; readonly journal: readonly JournalEntry[] }
      | undefined,
  ): readonly StateWrite[] {
    const old = (['decisions', 'journal'] as const).flatMap((kind) =>
      table.keys(kind, this.#project, this.#migration),
    )
    const writes: StateWrite[] = []
    if (next) {
      const { decisions, journal } = next
      for (const entry of journal) {
        const key = this.#key('journal', entry.seq)
        writes.push({ key, text: encodeEntry(entry), after: 0 })
      }
      writes.push({
        key: this.#key('decisions', decisions.serial),
        text: encodeDecisions(decisions, journal.length),
        after: journal.length,
      })
    }
    const kept = new Set(writes.map(({ key }) => keyText(key)))
    const deletes = old.filter((key) => !kept.has(keyText(key)))
    return [...writes, ...deletes.map((key) => ({ key, text: null }))]
  }

  #key(
    kind: 'decisions' | 'journal' | 'lock' | 'backup',
    ...rest: readonly (string | number)[]
  ): StateKey {
    return [kind, this.#project, this.#migration, ...rest]
  }

  /** In the order of their numbers. */
  #texts(
    table: StateTable,
    kind: 'journal' | 'backup' | 'decisions',
  ): readonly (StateText & { readonly key: StateKey })[] {
    return [...table.keys(kind, this.#project, this.#migration)]
      .sort((left, right) => Number(left.at(-1)) - Number(right.at(-1)))
      .flatMap((key) => {
        const found = table.get(key)
        return found === undefined ? [] : [{ ...found, key }]
      })
  }

  #highest(table: StateTable, kind: 'decisions' | 'journal'): number {
    const keys = table.keys(kind, this.#project, this.#migration)
    return keys.reduce((highest, key) => Math.max(highest, Number(key.at(-1))), 0)
  }

  #lost(kind: 'decisions' | 'journal', expected: number): Error {
    return damaged(
      keyText(this.#key(kind, expected)),
      'is missing, but other records say that it was written: the topic lost its end',
    )
  }
}

const SERIALS_KEPT = 10
