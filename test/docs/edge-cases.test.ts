import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

/** `docs/edge-cases.md` says which test sees each of the twenty cases: here it is seen that there is such a test, on real brokers. */

const ROW = /^\| (\d+) \| .* \| (.*) \|$/
const TESTS = /(_?)\[[^\]]+\]\(\.\.\/(test\/[^)]+)\)_?: ("[^"]+"(?:, "[^"]+")*)/g
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

interface Title {
  readonly title: string
  /** Itself or what it is in is skipped, still to be written, or expected to fail. */
  readonly isOff: boolean
}

/** What vitest would run of a file: calls of `test`, `it` and `describe`, however they are chained; comments and other strings are none. */
const titlesIn = (file: string, text = readFileSync(file, 'utf8')): readonly Title[] => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
  const found: Title[] = []
  const visit = (node: ts.Node, isOff: boolean): void => {
    const [first] = ts.isCallExpression(node) ? node.arguments : []
    const chain = ts.isCallExpression(node) ? chainOf(node.expression) : []
    const isTest = /^(test|it|describe)$/.test(chain[0] ?? '')
    const off = isOff || (isTest && chain.some((each) => /^(skip|todo|fails)/.test(each)))
    if (isTest && first !== undefined) {
      if (ts.isStringLiteralLike(first)) found.push({ title: first.text, isOff: off })
      else if (ts.isTemplateExpression(first)) {
        const parts = [first.head, ...first.templateSpans.map(({ literal }) => literal)]
        found.push({ title: parts.map(({ text }) => text).join('%'), isOff: off })
      }
    }
    ts.forEachChild(node, (each) => visit(each, off))
  }
  visit(source, false)
  return found
}

/** `test.concurrent.each(rows)` as test, concurrent, each. */
const chainOf = (node: ts.Expression): readonly string[] => {
  if (ts.isIdentifier(node)) return [node.text]
  if (ts.isPropertyAccessExpression(node)) return [...chainOf(node.expression), node.name.text]
  return ts.isCallExpression(node) ? chainOf(node.expression) : []
}

/** With those of `_cases.ts` and the like, from which a file makes tests. */
const titlesOf = (file: string): readonly Title[] =>
  [
    file,
    ...[...readFileSync(file, 'utf8').matchAll(IMPORT)]
      .filter(([, path]) => /\/_[^/]+$/.test(path!))
      .map(([, path]) => join(dirname(file), path!)),
  ].flatMap((each) => titlesIn(each))

test('each of the twenty cases has its row', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
})

test('what is named is a test that runs, not a string, a comment or one that is skipped', () => {
  const text = `
    // test('in a comment', () => {})
    const name = "test('in a string', () => {})"
    other('in another call', () => {})
    describe.concurrent('runs', () => {
      it.each([1])('%s runs, too', () => {})
      it(\`runs \${name}\`, { timeout: 1 }, () => {})
      test.skip('does not', () => {})
    })
    describe.skip('off', () => { test('neither', () => {}) })
    test.todo('later')`
  expect(titlesIn('made-up.test.ts', text)).toEqual([
    { title: 'runs', isOff: false },
    { title: '%s runs, too', isOff: false },
    { title: 'runs %', isOff: false },
    { title: 'does not', isOff: true },
    { title: 'off', isOff: true },
    { title: 'neither', isOff: true },
    { title: 'later', isOff: true },
  ])
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
        const found = all.filter((each) => each.title.includes(title))
        expect(found, `${file}: ${title}`).toMatchObject([{ isOff: false }])
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
