import { spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planText } from '../../src/app/plan-file.ts'
import { CODES } from '../../src/domain/diagnostic-codes.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { mutate, randomFrom } from '../_mutate.ts'
import { ENV, EXAMPLE } from '../config/_example.ts'
import { AT, fullState } from '../state/samples.ts'
import { aPlan } from '../views/a-plan.ts'

/**
 * The same mutations as the thousands of `test/config`, `test/app` and `test/state`, some through the built ferry: what people see is never a
 * stack trace, never nothing, and always says a code and where to look.
 */

type Code = keyof typeof CODES

const MAIN = join(import.meta.dirname, '../../dist/main.js')
const EACH = 10
const LONGEST_MS = 120_000

let pristine: string
beforeAll(async () => {
  pristine = mkdtempSync(join(tmpdir(), 'ferry-mutated-'))
  for (const [file, text] of Object.entries(EXAMPLE)) {
    mkdirSync(dirname(join(pristine, file)), { recursive: true })
    writeFileSync(join(pristine, file), text)
  }
  writeFileSync(join(pristine, 'orders.plan.json'), planText(aPlan()))
  const store = new FileStore(join(pristine, '.ferry'))
  await store.writeDecisions(fullState(1), 0)
  await store.appendJournal('orders', { at: AT, plan: 'd', what: { kind: 'intent', step: 'a' } })
})
afterAll(() => rmSync(pristine, { recursive: true }))

const ferry = (cwd: string, args: readonly string[]) =>
  new Promise<{ code: number | null; text: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...ENV },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LONGEST_MS,
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (more: string) => {
        text += more
      })
    }
    child.once('error', reject).once('close', (code) => resolve({ code, text }))
  })

describe.each([
  ['example files', ['ferry.yaml', 'clusters', 'plans'], ['validate'], /\S+\.yaml:\d+:\d+/],
  ['a plan file', ['orders.plan.json'], ['show', 'orders.plan.json'], /orders\.plan\.json/],
  ['state files', ['.ferry'], ['state', 'show', 'orders'], /orders/],
] as const)('%s, changed at random', (_, where, args, place) => {
  test(`${EACH} times: an answer, or a code and a place`, async () => {
    let refused = 0
    for (let seed = 1; seed <= EACH; seed++) {
      const folder = mkdtempSync(join(tmpdir(), 'ferry-mutated-'))
      try {
        cpSync(pristine, folder, { recursive: true })
        const pick = randomFrom(seed)
        const files = where.flatMap((each) => filesIn(folder, each))
        const file = files[pick(files.length)]!
        writeFileSync(file, mutate(mutate(readFileSync(file, 'utf8'), pick), pick))
        const { code, text } = await ferry(folder, args)
        const of = `seed ${seed}, ${file}\n${text}`
        expect(text, of).not.toMatch(/^\s+at .*[:/]\d+\)?$|node:internal|\.js:\d+/m)
        const codes = [...text.matchAll(/^error (FERRY\d{4}) /gm)].map(([, each]) => each as Code)
        // That of the error that was found first, which need not be the one that is shown first.
        const exits = codes.map((each) => CODES[each].exitCode)
        expect(exits.length === 0 ? [0] : exits, of).toContain(code)
        if (code === 0) continue
        refused++
        expect(text, of).not.toContain('FERRY1901')
        expect(text, of).toMatch(place)
      } finally {
        rmSync(folder, { recursive: true })
      }
    }
    // Else the mutations would show nothing.
    expect(refused).toBeGreaterThan(EACH / 4)
  })
})

const filesIn = (folder: string, part: string): readonly string[] => {
  if (/\.(yaml|json)$/.test(part)) return [join(folder, part)]
  return readdirSync(join(folder, part), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
