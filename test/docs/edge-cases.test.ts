import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** `docs/edge-cases.md` says which test sees each of the twenty cases: here it is seen that there is such a test, on real brokers. */

const ROW = /^\| (\d+) \| .* \| (.*) \|$/
const TESTS = /(_?)\[[^\]]+\]\(\.\.\/(test\/[^)]+)\)_?: ("[^"]+"(?:, "[^"]+")*)/g
/** A string that is the first argument of a call whose next one is a function or options. */
const TITLE = /\(\s*(['`])((?:(?!\1).)+)\1,\s*(?:async\b|\(|\{)/g
const IMPORT = /from '(\.[^']+\.ts)'/g

interface Named {
  readonly file: string
  readonly isPure: boolean
  readonly titles: readonly string[]
}

const rows = readFileSync('docs/edge-cases.md', 'utf8')
  .split('\n')
  .flatMap((line) => {
    const found = ROW.exec(line)
    return found === null ? [] : [{ number: Number(found[1]), cell: found[2]! }]
  })

const testsIn = (cell: string): readonly Named[] =>
  [...cell.matchAll(TESTS)].map(([, italics, file, quoted]) => ({
    file: file!,
    isPure: italics !== '',
    titles: [...quoted!.matchAll(/"([^"]+)"/g)].map(([, title]) => title!),
  }))

/** The text of a file and of everything below test/ that it is made of. */
const textOf = (file: string, seen = new Set<string>()): string => {
  if (seen.has(file)) return ''
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  const parts = [...text.matchAll(IMPORT)]
    .map(([, path]) => join(dirname(file), path!))
    .filter((path) => path.startsWith('test/'))
  return [text, ...parts.map((path) => textOf(path, seen))].join('\n')
}

/** With those of `_cases.ts` and the like, from which a file makes tests. */
const titlesOf = (file: string): readonly string[] => {
  const text = readFileSync(file, 'utf8')
  const made = [...text.matchAll(IMPORT)]
    .filter(([, path]) => /\/_[^/]+$/.test(path!))
    .map(([, path]) => readFileSync(join(dirname(file), path!), 'utf8'))
  return [text, ...made].flatMap((each) =>
    [...each.matchAll(TITLE)].map(([, , title]) => title!.replaceAll("\\'", "'")),
  )
}

test('each of the twenty cases has its row', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
})

describe.each(rows)('case $number', ({ cell }) => {
  const named = testsIn(cell)

  test('names tests that are there', () => {
    expect(named.length).toBeGreaterThan(0)
    // Nothing is named in a way that is not looked at here.
    expect(cell.match(/\(\.\.\//g)).toHaveLength(named.length)
    for (const { file, titles } of named) {
      expect(existsSync(file), file).toBe(true)
      const all = titlesOf(file)
      for (const title of titles) {
        expect(title.length).toBeGreaterThan(20)
        expect(all.filter((each) => each.includes(title)).length, `${file}: ${title}`).toBe(1)
      }
    }
  })

  test('is seen on real brokers, by another client than Ferry', () => {
    for (const { file, isPure } of named) {
      const text = textOf(file)
      expect(/\bstartKafka\(/.test(text), file).toBe(!isPure)
      if (!isPure) expect(/\boracle\.\w+\(|\badmin\.fetch\w+\(/.test(text), file).toBe(true)
    }
    expect(named.some(({ isPure }) => !isPure)).toBe(true)
  })
})
