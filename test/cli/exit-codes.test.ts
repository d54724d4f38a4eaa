import { deepStrictEqual } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { helpText } from '../../scripts/reference.ts'
import { EXIT, exitCodeFor } from '../../src/cli/exit-codes.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { CODES } from '../../src/domain/diagnostic-codes.ts'

const of = (code: keyof typeof CODES, severity: 'error' | 'warning' = 'error') =>
  diagnostic({ code, severity, detail: '', fix: '' })

const read = (file: string) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8')

describe('exit codes', () => {
  it('are those of the design, and scripts rely on them', () => {
    deepStrictEqual(EXIT, {
      done: 0,
      error: 1,
      changesPending: 2,
      drift: 3,
      blocked: 4,
      stale: 5,
      locked: 6,
      waiting: 7,
      partlyApplied: 8,
      notVerified: 9,
      usage: 64,
      interrupted: 130,
    })
  })

  for (const [name, diagnostics, expected] of [
    ['nothing', [], 0],
    ['only a warning', [of('FERRY1401', 'warning')], 0],
    ['the first error decides', [of('FERRY1306', 'warning'), of('FERRY1201'), of('FERRY1301')], 5],
    ['an unreachable cluster', [of('FERRY1202')], 1],
    ['partition counts', [of('FERRY1304')], 4],
    ['usage', [of('FERRY1104')], 64],
  ] as const) {
    it(name, () => deepStrictEqual(exitCodeFor(diagnostics), expected))
  }

  describe('are listed where people look, all of them and no others', () => {
    const all = Object.values(EXIT)
    const numbersIn = (text: string) => [...text.matchAll(/\d+/g)].map(([number]) => Number(number))

    it('by `ferry --help`, and so in the reference', () => {
      const listed = /^Exit codes: ([^.]+)\.$/m
      for (const text of [helpText(), read('docs/reference/command-line.md')]) {
        const [, codes = ''] = listed.exec(text) ?? []
        deepStrictEqual(numbersIn(codes), all)
      }
    })

    it('with what to do at each', () => {
      const [, table = ''] = read('docs/operations.md').split('## What to do at each exit code')
      const rows = [...table.matchAll(/^\| (\d+) +\| *([^|]*\S) *\| *([^|]*\S) *\|$/gm)]
      deepStrictEqual(
        rows.map(([, code]) => Number(code)),
        all,
      )
    })
  })

  // That the built ferry ends with each of them: the last test of `test/scenarios/golden.test.ts`.

  it('every code has one of them', () => {
    const known = new Set<number>(Object.values(EXIT))
    deepStrictEqual(
      Object.entries(CODES).filter(([, page]) => !known.has(page.exitCode)),
      [],
    )
  })
})
