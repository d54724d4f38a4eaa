import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FerryError } from '../../src/domain/diagnostic.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { nextEntry } from '../../src/state/journal-chain.ts'
import { encodeRecord } from '../../src/state/records.ts'
import { mutate, randomFrom } from '../_mutate.ts'
import { AT, fullState, sampleChunk, sampleProgress } from './samples.ts'

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
