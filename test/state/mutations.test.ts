import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FerryError } from '../../src/domain/diagnostic.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import { identityOf } from '../../src/process-identity.ts'
import { backupsIn, contentOfBackup } from '../../src/state/backups.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { nextEntry } from '../../src/state/journal-chain.ts'
import { MigrationRecords } from '../../src/state/kafka-decisions.ts'
import { gapsWrites, progressIn, progressWrites } from '../../src/state/kafka-progress.ts'
import { heldBy } from '../../src/state/lock-record.ts'
import { encodeRecord } from '../../src/state/records.ts'
import {
  recordsOf,
  type StateRecord,
  StateTable,
  type StateWrite,
} from '../../src/state/state-table.ts'
import { mutate, randomFrom } from '../_mutate.ts'
import { AT, fullState, holder, sampleChunk, sampleProgress } from './samples.ts'

/** Everything that a store answers about a migration. */
const answers = async (directory: string) => {
  const store = new FileStore(directory)
  return [
    await store.readDecisions('orders'),
    await store.readJournal('orders'),
    [...(await store.readProgress('orders')).values()].map(({ gaps, ...rest }) => ({
      ...rest,
      gaps: Buffer.from(gaps.bytesFrom(0)).toString('hex'),
    })),
  ] as const
}

const withoutGaps = ({ gaps, ...rest }: { readonly gaps: string }) => rest

/** State is never half right: a file that was changed is noticed, but for a torn last line of what is appended to. */
test('1,500 random mutations of state files are refused with a code, or change nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-mutations-'))
  try {
    const store = new FileStore(directory)
    await store.writeDecisions(fullState(1), 0)
    for (const step of ['a', 'b', 'c']) {
      await store.appendJournal('orders', { at: AT, plan: 'd', what: { kind: 'intent', step } })
    }
    await store.writeProgress('orders', [sampleProgress('orders.events', 0)])
    await store.appendGaps('orders', [sampleChunk('orders.events', 0)])
    const [state, journal, progress] = await answers(directory)
    const files = (await readdir(directory, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    expect(files.length).toBeGreaterThan(3)
    let refused = 0
    for (let seed = 1; seed <= 1500; seed++) {
      const pick = randomFrom(seed)
      const file = files[pick(files.length)]!
      const before = await readFile(file)
      let text = before.toString()
      for (let i = 0; i <= pick(3); i++) text = mutate(text, pick)
      await writeFile(file, text)
      try {
        const [nowState, nowJournal, nowProgress] = await answers(directory)
        expect(nowState, `seed ${seed} ${file}`).toEqual(state)
        expect(nowProgress.map(withoutGaps)).toEqual(progress.map(withoutGaps))
        // A last line without its end counts as torn by a crash: all of the only chunk, or nothing.
        for (const { gaps } of nowProgress) expect([progress[0]?.gaps, '']).toContain(gaps)
        expect(journal.slice(0, nowJournal.length), `seed ${seed} ${file}`).toEqual(nowJournal)
      } catch (error) {
        if (!(error instanceof FerryError)) throw error
        for (const { code } of error.diagnostics) {
          expect(code, `seed ${seed} ${file}`).toMatch(/^FERRY140[2-5]$/)
        }
        refused++
      }
      await writeFile(file, before)
    }
    expect(refused).toBeGreaterThan(700)
  } finally {
    await rm(directory, { recursive: true })
  }
})

/** A state as `ferry state pull` prints it, and the content of its decisions. */
const pulledState = () => {
  const journal = [nextEntry(undefined, { at: AT, plan: 'd', what: { kind: 'plan-started' } })]
  const what = { kind: 'intent', step: 'a' } as const
  journal.push(nextEntry(journal[0], { at: AT, plan: 'd', what }))
  const gaps = GapList.of([{ from: 100n, to: 103n }])
  const progress = [sampleProgress('orders.events', 0, { gaps })]
  return encodeContent({ decisions: fullState(1), journal, progress })
}

const withoutChecksum = (record: object): object => {
  const { checksum: _, ...content } = record as Readonly<Record<string, unknown>>
  return content
}

/** Edited by somebody who knows of checksums: those of the decisions and of the whole are right again. Undefined: it is no JSON any more. */
const editedWith = (pulled: string, pick: (below: number) => number): string | undefined => {
  const whole = JSON.parse(pulled)
  const edited = mutate(JSON.stringify(withoutChecksum(whole.decisions), null, 1), pick)
  try {
    const decisions = JSON.parse(encodeRecord(JSON.parse(edited)))
    return encodeRecord({ ...(withoutChecksum(whole) as object), decisions })
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

test('2,000 random mutations of an exported state are refused with a code, change nothing, or are a whole state', () => {
  const pulled = pulledState()
  const ends = { refused: 0, same: 0, edited: 0 }
  const read = (text: string, seed: number): string | undefined => {
    try {
      return encodeContent(decodeContent(text, 'orders.state'))
    } catch (error) {
      if (!(error instanceof FerryError)) throw error
      for (const { code, detail } of error.diagnostics) {
        expect(code, `seed ${seed}`).toMatch(/^FERRY140[23]$/)
        expect(detail, `seed ${seed}`).toContain('orders.state')
      }
      return undefined
    }
  }
  expect(read(pulled, 0)).toBe(pulled)
  for (let seed = 1; seed <= 1000; seed++) {
    const pick = randomFrom(seed)
    let text = pulled
    for (let i = 0; i <= pick(3); i++) text = mutate(text, pick)
    const now = read(text, seed)
    // The checksum lets nothing through that reads as something else.
    if (now !== undefined) expect(now, `seed ${seed}`).toBe(pulled)
    ends[now === undefined ? 'refused' : 'same']++
  }
  for (let seed = 1001; seed <= 2000; seed++) {
    const text = editedWith(pulled, randomFrom(seed))
    const now = text === undefined ? undefined : read(text, seed)
    // What is taken is taken whole: it reads as the same again.
    if (now !== undefined) expect(read(now, seed), `seed ${seed}`).toBe(now)
    if (text !== undefined) ends[now === undefined ? 'refused' : 'edited']++
  }
  // Else the mutations would show nothing, or everything were refused unseen.
  expect(ends.refused).toBeGreaterThan(700)
  expect(ends.same).toBeGreaterThan(50)
  expect(ends.edited).toBeGreaterThan(50)
})

const PROJECT = 'shop'
const MIGRATION = new MigrationRecords(PROJECT, 'orders')

/** All records of a migration in a state topic, in small parts, as the store writes them. */
const topicRecords = (): readonly StateRecord[] => {
  const table = new StateTable()
  const log: StateRecord[] = []
  const write = (writes: readonly StateWrite[]) => {
    for (const each of writes) {
      for (const record of recordsOf(each, table.partsOf(each.key), 2_000)) {
        table.apply(record, 'the log')
        log.push(record)
      }
    }
  }
  const entries = [nextEntry(undefined, { at: AT, plan: 'd', what: { kind: 'plan-started' } })]
  entries.push(nextEntry(entries[0], { at: AT, plan: 'd', what: { kind: 'plan-finished' } }))
  write([MIGRATION.lockWrite(heldBy(holder(), identityOf(process.pid)))])
  for (const serial of [1, 2, 3]) {
    write(MIGRATION.decisionsWrites(table, fullState(serial), serial - 1))
    const entry = entries[serial - 1]
    if (entry) write([MIGRATION.entryWrite(table, entry)])
  }
  const progress = sampleProgress('orders.events', 0)
  write(progressWrites(PROJECT, 'orders', [progress], table))
  write(gapsWrites(PROJECT, 'orders', [sampleChunk('orders.events', 0)], table))
  write(MIGRATION.backupWrites(table, progressIn(PROJECT, 'orders', table)))
  return log
}

/** Everything that a store answers from these. */
const toldBy = (log: readonly StateRecord[]): string => {
  const table = new StateTable()
  for (const [offset, record] of log.entries()) table.apply(record, `offset ${offset}`)
  const progress = progressIn(PROJECT, 'orders', table)
  return JSON.stringify([
    MIGRATION.lock(table),
    MIGRATION.storedDecisions(table)?.text,
    MIGRATION.journal(table),
    progress.map(({ text, value }) => [text, [...value.gaps].map(String)]),
    backupsIn(MIGRATION.kept(table)).map((each) => [
      each,
      contentOfBackup(MIGRATION.kept(table), each, progress),
    ]),
    // What is written next goes by what is there.
    MIGRATION.replaceWrites(table, undefined).map(
      (each) => recordsOf(each, table.partsOf(each.key), 2_000).length,
    ),
  ])
}

/** One change to a log: bytes of a record, a record that is cut off, gone, there twice or in another place. */
const changed = (
  log: readonly StateRecord[],
  pick: (below: number) => number,
): readonly StateRecord[] => {
  const at = pick(log.length)
  const record = log[at]!
  const bytes = () => Buffer.from(Array.from({ length: pick(40) }, () => pick(256)))
  const hit = (buffer: Buffer | null) => {
    const copy = Buffer.from(buffer ?? [0])
    if (copy.length > 0) copy[pick(copy.length)] = pick(256)
    return copy
  }
  const words = ['', '1', '2 0', '999999999 0', '1 999999999999999', '0 0', '1 0 0', '\u0000']
  const keys = [
    '["decisions","shop","orders",0]',
    '["decisions","shop","orders","x",0]',
    '["decisions","shop","orders",-1,0]',
    '["journal","shop","orders",9007199254740991,0]',
    '["progress","shop","orders",0]',
    '["gaps","shop","orders","orders.events",0,0]',
    '["lock","shop","orders",9007199254740991]',
    '["__proto__","shop","orders",0]',
    '{"0":"lock"}',
  ]
  const replaced = (change: Partial<StateRecord>) => log.with(at, { ...record, ...change })
  switch (pick(10)) {
    case 0:
      return replaced({ value: bytes() })
    case 1:
      return replaced({ key: bytes() })
    case 2:
      return replaced({ value: hit(record.value) })
    case 3:
      return replaced({ key: hit(record.key) })
    case 4:
      return replaced({ value: record.value?.subarray(0, pick(record.value.length)) ?? null })
    case 5:
      return replaced({ header: words[pick(words.length)]! })
    case 6:
      return replaced({ key: Buffer.from(keys[pick(keys.length)]!) })
    case 7:
      return log.toSpliced(at, 1 + pick(3))
    case 8:
      return log.toSpliced(at, 1).toSpliced(pick(log.length), 0, record)
    default:
      return replaced({ value: null })
  }
}

test('2,000 random mutations of the records of a state topic are refused with a code, or are a state', () => {
  const log = topicRecords()
  expect(log.length).toBeGreaterThan(15)
  const whole = toldBy(log)
  const ends = { refused: 0, same: 0, less: 0 }
  for (let seed = 1; seed <= 2000; seed++) {
    const pick = randomFrom(seed)
    let now = log
    for (let i = 0; i <= pick(3); i++) now = changed(now, pick)
    try {
      ends[toldBy(now) === whole ? 'same' : 'less']++
    } catch (error) {
      if (!(error instanceof FerryError)) throw new Error(`seed ${seed}`, { cause: error })
      for (const { code } of error.diagnostics)
        expect(code, `seed ${seed}`).toMatch(/^FERRY140[23]$/)
      ends.refused++
    }
  }
  // Else the mutations would show nothing, or everything were refused unseen.
  expect(ends.refused).toBeGreaterThan(700)
  expect(ends.same).toBeGreaterThan(15)
})

test.each([
  ['999999999 0', '["lock","shop","orders",0]'],
  ['2 0', '["lock","shop","orders",2]'],
])(
  'a record of the state topic that cannot be a part of a text is refused: %s %s',
  (header, key) => {
    const record = { key: Buffer.from(key), value: Buffer.from('x'), header }
    expect(() => new StateTable().apply(record, 'offset 7')).toThrow(/offset 7/)
  },
)
