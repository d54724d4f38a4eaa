import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FerryError } from '../../src/domain/diagnostic.ts'
import { FileStore } from '../../src/state/file-store.ts'
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
}, 20_000)
