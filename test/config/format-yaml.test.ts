import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { formatYaml, saysTheSame } from '../../src/config/format-yaml.ts'
import { mutate, randomFrom } from '../_mutate.ts'
import { EXAMPLE } from './_example.ts'

const format = async (text: string): Promise<string> => {
  const result = await formatYaml({ file: 'x.yaml', text, digest: '' })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  return result.text
}
const codesOf = async (text: string): Promise<readonly string[]> => {
  const result = await formatYaml({ file: 'x.yaml', text, digest: '' })
  return 'problems' in result ? result.problems.map(({ code }) => code) : []
}

const folder = new URL('../../plans/', import.meta.url)
const OWN = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => [file, readFileSync(new URL(file, folder), 'utf8')] as const)

test.each([...OWN, ...Object.entries(EXAMPLE)])('%s is in canonical form', async (_, text) => {
  expect(await format(text)).toBe(text)
})

/** The same value with the keys of every mapping in another order. */
const shuffled = (value: unknown, rank: (key: string) => number): unknown => {
  if (Array.isArray(value)) return value.map((each) => shuffled(each, rank))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).sort(([one], [other]) => rank(one) - rank(other))
  return Object.fromEntries(entries.map(([key, each]) => [key, shuffled(each, rank)]))
}
/** Keys in an order that a seed gives. */
const order = (seed: number) => (key: string) => {
  let hash = seed
  for (const char of key) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619)
  return hash >>> 0
}
const withoutComments = Object.values(EXAMPLE).map((text) => parse(text))

describe('keys in any order', () => {
  test('give the same text, which says the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...withoutComments), fc.integer(), async (value, seed) => {
        const text = await format(
          stringify(shuffled(value, order(seed)), { aliasDuplicateObjects: false }),
        )
        expect(text).toBe(await format(stringify(value, { aliasDuplicateObjects: false })))
        expect(parse(text)).toEqual(value)
        expect(await format(text)).toBe(text)
      }),
      { numRuns: 150 },
    )
  })

  test('comments stay with what they are about', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...withoutComments), fc.integer(), async (value, seed) => {
        const plain = stringify(shuffled(value, order(seed)), { aliasDuplicateObjects: false })
        const text = await format(commented(plain))
        const lines = text.split('\n')
        let seen = 0
        for (const [i, line] of lines.entries()) {
          const above = /^ *# above (\S+)$/.exec(line)?.[1]
          if (above !== undefined) expect(keyIn((lines[i + 1] ?? '').replace('- ', ''))).toBe(above)
          const behind = /# behind (\S+)$/.exec(line)?.[1]
          if (behind !== undefined) expect(keyIn(line.replace('- ', ''))).toBe(behind)
          const below = /^( *)# below (\S+)$/.exec(line)
          if (below !== null) {
            const indent = below[1]?.length ?? 0
            expect(ownerOf(lines.slice(0, i), indent)).toBe(below[2])
            const next = lines.slice(i).find((each) => !/^ *(#|$)/.test(each)) ?? ''
            expect(next.length - next.trimStart().length).toBeLessThan(indent)
            expect(lines[i + 1]).toBe(`${below[1]}# - id: h   (parked)`)
          }
          seen += above === undefined && behind === undefined && below === null ? 0 : 1
        }
        expect(seen).toBe(commented(plain).match(/# (above|behind|below)/g)?.length)
        expect(await format(text)).toBe(text)
      }),
      { numRuns: 150 },
    )
  })
})

const keyIn = (line: string): string | undefined => /^ *([\w.]+):/.exec(line)?.[1]

/** The key that the block with this indentation belongs to, from the lines above its end. */
const ownerOf = (above: readonly string[], indent: number): string | undefined => {
  const keys = above.map((line) => line.replace('- ', '  ')).filter((line) => keyIn(line))
  const owner = keys.findLast((line) => line.length - line.trimStart().length < indent)
  return owner && keyIn(owner)
}

/** A comment above every second key but the first of the file, one behind every third scalar, and two below the last entry of every block. */
const commented = (text: string): string => {
  const open: number[] = []
  const written: string[] = []
  for (const [i, line] of text.split('\n').entries()) {
    const column = line.length - line.trimStart().length
    while ((open.at(-1) ?? 0) > column) {
      const indent = open.pop() ?? 0
      const pad = ' '.repeat(indent)
      written.push(`${pad}# below ${ownerOf(written, indent)}`, `${pad}# - id: h   (parked)`)
    }
    const key = keyIn(line.replace('- ', '  '))
    const isEntry = line.trimStart().startsWith('- ')
    if (isEntry && open.at(-1) !== column) open.push(column)
    if (key !== undefined && open.at(-1) !== column + (isEntry ? 2 : 0)) {
      open.push(column + (isEntry ? 2 : 0))
    }
    if (keyIn(line) === undefined || i === 0) {
      written.push(line)
      continue
    }
    const isScalar = /: [^|>[{]+$/.test(line)
    if (i % 2 === 0) written.push(`${' '.repeat(column)}# above ${key}`)
    written.push(i % 3 === 0 && isScalar ? `${line} # behind ${key}` : line)
  }
  return written.join('\n')
}

test('a comment below a parked entry stays with the key that it stands above', async () => {
  const text = `kind: Migration
spec:
  groups:
    - id: g
      # in g
    # - id: h   (parked)

  # about topics
  topics:
  - name: a
  # about from
  from: x
  # end
# end of all
`
  expect(await format(text)).toBe(`kind: Migration
spec:
  # about from
  from: x

  # about topics
  topics:
    - name: a
  groups:
    - id: g
      # in g
    # - id: h   (parked)
  # end

# end of all
`)
})

test.each([
  ['# x\na: 1\nb: 2\n', 'a: 1\n# x\nb: 2\n'],
  ['a: 1\n# x\nb: 2\n', 'a: 1\nb: 2\n# x\n'],
  ['a:\n  - b\n# x\nc: 2\n', 'a:\n  - b\n  # x\nc: 2\n'],
  ['a:\n  - b\n  # x\n  - c\n', 'a:\n  # x\n  - b\n  - c\n'],
])('a comment that would move is noticed: %j', (before, after) => {
  expect(saysTheSame(before, before)).toBe(true)
  expect(saysTheSame(before, after)).toBe(false)
})

describe('what is left as it is', () => {
  test.each([
    [
      'numbers as they are written',
      'configs: { a: 1.10, b: 0x10, c: 9223372036854775807, d: 1e3 }\n',
    ],
    ['quotes', 'a: "x"\nb: \'y\'\nc: "8"\n'],
    [
      'unknown keys behind the known ones',
      'kind: Migration\nspec:\n  from: a\n  zzz: 1\n  aaa: 2\n',
    ],
    ['aliases, and the order with them', 'kind: Migration\nspec:\n  to: &x b\n  from: *x\n'],
    ['empty values', 'a:\nb: 1\n'],
    ['long lines', `a: ${'word '.repeat(60).trim()}\n`],
    ['empty lines between', '# top\n\na: 1\n\nb: 2\n\n# end\n'],
  ])('%s', async (_, text) => {
    expect(await format(text)).toBe(text)
  })

  test('a file that is no YAML is refused at its place', async () => {
    expect(await codesOf('a: [1\nb: 2\n')).toEqual(['FERRY1004'])
    expect(await codesOf('')).toEqual(['FERRY1010'])
    expect(await codesOf('a: 1\na: 2\n')).toEqual(['FERRY1006'])
  })
})

test('random mutations are refused with a place, or stay as they are the second time', async () => {
  const texts = Object.values(EXAMPLE)
  let formatted = 0
  for (let seed = 1; seed <= 600; seed++) {
    const pick = randomFrom(seed)
    let text = mutate(texts[pick(texts.length)] ?? '', pick)
    if (pick(2) === 0) text = mutate(text, pick)
    const result = await formatYaml({ file: 'x.yaml', text, digest: '' })
    if ('problems' in result) {
      for (const { at } of result.problems) expect(at?.line, `seed ${seed}`).toBeGreaterThan(0)
      continue
    }
    expect(await format(result.text), `seed ${seed}`).toBe(result.text)
    formatted++
  }
  expect(formatted).toBeGreaterThan(200)
})

test('a comment on the line of a key is about all below it; one above the first key is about that', async () => {
  const text =
    'kind: Migration\nspec: # all\n  # the target\n  to: b # b\n\n  # the source\n  from: a\n'
  expect(await format(text)).toBe(
    'kind: Migration\nspec:\n  # all\n  # the source\n  from: a\n  # the target\n  to: b # b\n',
  )
})

describe('what would be lost', () => {
  test.each([
    ['nothing', 'a: 1 # x\nb: "2"\n', 'b: "2"\na: 1 # x\n', true],
    ['text on other lines', 'a: x\n  y\n', 'a: x y\n', true],
    ['a comment', 'a: 1 # x\n', 'a: 1\n', false],
    ['one of two equal comments', 'a: 1 # x\nb: 2 # x\n', 'a: 1 # x\nb: 2\n', false],
    ['digits of a number', 'a: 9223372036854775807\n', 'a: 9223372036854775808\n', false],
    ['how a number is written', 'a: 1.10\n', 'a: 1.1\n', false],
    ['a value', 'a: x\n', 'a: y\n', false],
    ['a key', 'a: 1\nb: 2\n', 'a: 1\n', false],
    ['everything', 'a: 1\n', 'a: [\n', false],
  ])('%s', (_, before, after, same) => {
    expect(saysTheSame(before, after)).toBe(same)
  })
})
