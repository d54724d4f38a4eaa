import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FileStore } from '../../src/state/file-store.ts'
import { crashingApply, effectsIn } from './crash-steps.ts'
import { journalWords, outcomes } from './fake-migration.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-crash-'))
})
afterAll(() => rm(directory, { recursive: true }))

const decisionsIn = async (place: string) => {
  const state = await new FileStore(join(place, 'state')).readDecisions('orders')
  return { ...state, serial: 0 }
}

/** Answers the signal that ended it; null if it ran to its end. */
const applyAndCrash = async (place: string, at: number): Promise<string | null> => {
  const script = join(import.meta.dirname, 'apply-and-crash.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, place, String(at)], {
    stdio: 'inherit',
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect(signal ?? code).toBe(signal === null ? 0 : 'SIGKILL')
  return signal
}

test('whenever apply is killed, applying again ends in the same decisions, with each effect once', {
  timeout: 300_000,
}, async () => {
  const whole = join(directory, 'whole')
  await mkdir(whole)
  let boundaries = 0
  await crashingApply(whole, () => boundaries++).run()
  const expected = await decisionsIn(whole)
  expect(expected.createdTopics).toEqual(['a', 'b'])
  expect(boundaries).toBeGreaterThan(14)

  for (let at = 1; at <= boundaries; at++) {
    const place = join(directory, `${at}`)
    await mkdir(place)
    expect(await applyAndCrash(place, at), `boundary ${at}`).toBe('SIGKILL')
    const again = crashingApply(place, () => {})
    const result = await again.run()
    const store = new FileStore(join(place, 'state'))
    if (at === boundaries) {
      // Killed after its last write: there is nothing left to do.
      expect(result.problems.map((p) => p.code)).toEqual(['FERRY1408'])
    } else {
      expect(outcomes(result), `boundary ${at}`).toEqual(['a done', 'b done'])
    }
    expect(result.takenOverFrom, `boundary ${at}`).toBeDefined()
    expect(effectsIn(place), `boundary ${at}`).toEqual(['a', 'b'])
    expect(await decisionsIn(place), `boundary ${at}`).toEqual(expected)
    const words = await journalWords(store)
    for (const once of ['plan-started', 'a done', 'b done', 'plan-finished']) {
      expect(words.filter((word) => word === once).length, `boundary ${at}: ${once}`).toBe(1)
    }
  }
})
