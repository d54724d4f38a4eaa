import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { parsed, reaches } from './_reached.ts'

/**
 * `docs/edge-cases.md` says which test sees each of the twenty cases: here it is seen that there is such a test, on real brokers, and that it is
 * not Ferry alone who judges.
 */

const ROW = /^\| (\d+) \| .* \| (.*) \|$/
const TESTS = /(_?)\[[^\]]+\]\(\.\.\/(test\/[^)]+)\)_?: ("[^"]+"†?(?:, "[^"]+"†?)*)/g
const IMPORT = /from '(\.[^']+\.ts)'/g

interface Named {
  readonly file: string
  readonly isPure: boolean
  readonly titles: readonly string[]
  /** Those of them that look at what Ferry says or refuses, and at nothing else. */
  readonly saysOnly: ReadonlySet<string>
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
    saysOnly: new Set([...quoted!.matchAll(/"([^"]+)"†/g)].map(([, title]) => title!)),
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
  readonly file: string
  readonly title: string
  /** The call itself. */
  readonly node: ts.Node
  /** Itself or what it is in is skipped, still to be written, or expected to fail. */
  readonly isOff: boolean
}

/** What vitest would run of a file: calls of `test`, `it` and `describe`, however they are chained; comments and other strings are none. */
const titlesIn = (file: string, text?: string): readonly Title[] => {
  const { source } = parsed(file, text)
  const found: Title[] = []
  const visit = (node: ts.Node, isOff: boolean): void => {
    const [first] = ts.isCallExpression(node) ? node.arguments : []
    const chain = ts.isCallExpression(node) ? chainOf(node.expression) : []
    const isTest = /^(test|it|describe)$/.test(chain[0] ?? '')
    const off = isOff || (isTest && chain.some((each) => /^(skip|todo|fails)/.test(each)))
    if (isTest && first !== undefined) {
      const at = { file, node }
      if (ts.isStringLiteralLike(first)) found.push({ ...at, title: first.text, isOff: off })
      else if (ts.isTemplateExpression(first)) {
        const parts = [first.head, ...first.templateSpans.map(({ literal }) => literal)]
        found.push({ ...at, title: parts.map(({ text }) => text).join('%'), isOff: off })
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

const READS = /^(read|readText|readMany|digest|offsets|offsetsMany|groupOffsets|consume|users)$/

/** A look at a cluster by another client than Ferry: Kafka's own, or kafkajs. What it writes there is none. */
const isForeignLook = (node: ts.Node): boolean => {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false
  const { expression: on, name } = node.expression
  if (!ts.isIdentifier(on)) return false
  return on.text === 'oracle'
    ? READS.test(name.text)
    : on.text === 'admin' && /^fetch/.test(name.text)
}

const judgedByOthers = ({ file, node }: Title): boolean => reaches(file, node, isForeignLook)

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
  const found = titlesIn('made-up.test.ts', text)
  expect(found.map(({ title, isOff }) => ({ title, isOff }))).toEqual([
    { title: 'runs', isOff: false },
    { title: '%s runs, too', isOff: false },
    { title: 'runs %', isOff: false },
    { title: 'does not', isOff: true },
    { title: 'off', isOff: true },
    { title: 'neither', isOff: true },
    { title: 'later', isOff: true },
  ])
})

test('who judges is looked for in the test itself, what it uses, and what a hook has read for it', () => {
  const text = `
    import { oracle } from '../kafka/index.ts'
    let seen
    const valuesOf = async () => (await oracle.readText(world.target, 'a')).map(({ value }) => value)
    const write = () => oracle.write(world.source, 'a', [])
    beforeAll(async () => {
      seen = await oracle.digest(world.target, 'a')
      await oracle.offsets(world.source, 'a')
    })
    test('reads by a function of the file', async () => expect(await valuesOf()).toEqual([]))
    test('looks at what was read', () => expect(seen).toBe(1))
    test('writes with it, and asks Ferry', async () => { await write(); expect(oracleSays.offsets()).toBe(1) })
    describe('elsewhere', () => {
      const valuesOf = () => ferry.status()
      test('calls another of that name', () => expect(valuesOf()).toBe(1))
      test('has a member of that name', () => expect(ferry.seen).toBe(1))
    })`
  const tests = titlesIn('made-up.test.ts', text).filter(({ title }) => title !== 'elsewhere')
  expect(tests.map((each) => [each.title, judgedByOthers(each)])).toEqual([
    ['reads by a function of the file', true],
    ['looks at what was read', true],
    ['writes with it, and asks Ferry', false],
    ['calls another of that name', false],
    ['has a member of that name', false],
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

  test('is seen on real brokers', () => {
    for (const { file, isPure } of named) {
      expect(/\bstartKafka\(/.test(textOf(file)), file).toBe(!isPure)
    }
  })

  test('is judged by another client than Ferry, by each of its tests but those that say so', () => {
    const judged = named
      .filter(({ isPure }) => !isPure)
      .flatMap(({ file, titles, saysOnly }) =>
        titles.map((title) => {
          const found = titlesOf(file).find((each) => each.title.includes(title))!
          return {
            test: `${file}: ${title}`,
            byOthers: judgedByOthers(found),
            saysOnly: saysOnly.has(title),
          }
        }),
      )
    expect(judged.filter(({ byOthers, saysOnly }) => byOthers === saysOnly)).toEqual([])
    expect(judged.some(({ byOthers }) => byOthers)).toBe(true)
  })
})
