import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { buildProgram } from '../../src/cli/program.ts'
import type { Streams } from '../../src/cli/streams.ts'

/** Whoever is told to run something must be able to: every command that a text of Ferry names is one that it has, with these flags. */
const SRC = join(import.meta.dirname, '../../src')

const program = buildProgram(() => async () => {}, {
  columns: 100,
  stdout: { write: () => true },
} as unknown as Streams)

const flagsOf = (command: Command): readonly string[] =>
  command.options.flatMap(({ long, short }) => [long, short]).filter((each) => each != null)

const everywhere = [...flagsOf(program), '--help', '-h']
const verbs = new Map(
  program.commands.map((verb) => [
    verb.name(),
    [verb, ...verb.commands].flatMap(flagsOf).concat(everywhere),
  ]),
)

interface Named {
  readonly verb: string
  readonly flags: readonly string[]
  readonly text: string
}

/** In backticks the command ends with them; elsewhere flags count as far as they follow at once. */
const commandsIn = (text: string): readonly Named[] =>
  [...text.matchAll(/(\\?`)?\bferry ([a-z]+)\b([^`'\n]*)/g)].flatMap(
    ([all, quoted, verb = '', rest = '']) => {
      if (quoted === undefined && !verbs.has(verb)) return []
      const command = quoted === undefined ? rest.replace(/[,;:.)](\s|$).*/, '') : rest
      const flags = [...command.matchAll(/(?<![\w-])--?[a-z][a-z-]*/g)].map(([flag]) => flag)
      return [{ verb, flags, text: all }]
    },
  )

const files = readdirSync(SRC, { recursive: true, withFileTypes: true }).filter(
  (entry) => entry.isFile() && entry.name.endsWith('.ts'),
)

const wrong = ({ verb, flags }: Named): readonly string[] => {
  const known = verbs.get(verb)
  if (known === undefined) return [`ferry ${verb}`]
  return flags.filter((flag) => !known.includes(flag)).map((flag) => `ferry ${verb} ${flag}`)
}

test('every command that a text names exists, with the flags that it is given', () => {
  const named = files.flatMap((file) =>
    commandsIn(readFileSync(join(file.parentPath, file.name), 'utf8')),
  )
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter(({ flags }) => flags.length > 0).length).toBeGreaterThan(20)
  expect(named.flatMap((each) => wrong(each).map((what) => `${what} in: ${each.text}`))).toEqual([])
})

test('one that does not exist is seen', () => {
  const text =
    'Run `ferry resink NAME`, or `ferry resync NAME --all`; else ferry plan NAME --until x.'
  expect(commandsIn(text).flatMap(wrong)).toEqual([
    'ferry resink',
    'ferry resync --all',
    'ferry plan --until',
  ])
})
