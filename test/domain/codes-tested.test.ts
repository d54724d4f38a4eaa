import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CODES } from '../../src/domain/diagnostic-codes.ts'

/**
 * Every code is named by a test, or by what one compares with, so that what a script may look for is looked for once here. What is not yet, with the reason: the list
 * only gets shorter.
 */
const NOT_YET: Readonly<Record<string, string>> = {
  FERRY1049: 'no version says it any more; a code is never used again',
  FERRY1609: 'needs a target that fails eight times in a row while it is primed',
  FERRY1614: 'that partitions diverge is asserted by state and status (mirror/holes.test.ts)',
  FERRY2014: 'no comment that would be lost is known',
}

const HERE = join(import.meta.dirname, '..')

const namedByTests = (): ReadonlySet<string> => {
  const files = readdirSync(HERE, { recursive: true, withFileTypes: true }).filter(
    (entry) =>
      entry.isFile() &&
      /\.(ts|txt|json|md|yaml)$/.test(entry.name) &&
      !entry.name.startsWith('codes-'),
  )
  const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
  return new Set(texts.flatMap((text) => text.match(/FERRY\d{4}/g) ?? []))
}

test('every code is named by a test, but for those that are not yet', () => {
  const named = namedByTests()
  expect(named.size).toBeGreaterThan(100)
  expect(Object.keys(CODES).filter((code) => !named.has(code))).toEqual(Object.keys(NOT_YET))
})
