import { deepStrictEqual } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { EXIT, exitCodeFor } from '../../src/cli/exit-codes.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { CODES } from '../../src/domain/diagnostic-codes.ts'

const of = (code: keyof typeof CODES, severity: 'error' | 'warning' = 'error') =>
  diagnostic({ code, severity, detail: '', fix: '' })

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

  it('each is expected of the built ferry by a scenario that CI runs', () => {
    const folder = join(import.meta.dirname, '../scenarios')
    const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && !/slow/.test(file))
    const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n')
    const expected = [
      ...text.matchAll(/\bcode\)?(?:, [^\n]+)?\)?\.toBe\((\d+)\)|\b(?:code|exit): (\d+)\b/g),
    ]
    const codes = new Set(expected.map(([, one, other]) => Number(one ?? other)))
    deepStrictEqual(
      Object.values(EXIT).filter((code) => !codes.has(code)),
      [],
    )
  })

  it('every code has one of them', () => {
    const known = new Set<number>(Object.values(EXIT))
    deepStrictEqual(
      Object.entries(CODES).filter(([, page]) => !known.has(page.exitCode)),
      [],
    )
  })
})
