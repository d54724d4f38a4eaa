import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { buildProgram } from '../src/cli/program.ts'
import type { Streams } from '../src/cli/streams.ts'
import { CODES } from '../src/domain/diagnostic-codes.ts'
import { FACTS } from '../src/steps/gates/list.ts'

const ROOT = join(import.meta.dirname, '..')
/** Each schema with its page: of a file, or of what a verb prints for programs. */
const SCHEMAS = [
  ['project', 'project-file'],
  ['cluster', 'cluster-file'],
  ['migration', 'migration-file'],
  ['plan', 'plan-file'],
  ['receipt', 'receipt-file'],
  ['status', 'status-output'],
  ['events', 'apply-events'],
] as const

/** Every generated document with its text, by absolute path. */
export const documents = async (): Promise<ReadonlyMap<string, string>> => {
  const program = commandLine()
  const reference = (name: string): string => join(ROOT, 'docs', 'reference', `${name}.md`)
  const readme = join(ROOT, 'README.md')
  const texts = new Map([
    [reference('command-line'), commandLineText(program)],
    [reference('diagnostics'), diagnosticsText()],
    [reference('gates'), gatesText()],
    [readme, withUsage(await readFile(readme, 'utf8'), program)],
  ])
  for (const [kind, page] of SCHEMAS) texts.set(reference(page), await schemaText(kind, page))
  return texts
}

const NOTICE = '<!-- Made by `npm run docs`. Do not edit. -->\n'

// ── help ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The command line as users have it, in a width that any page holds. Nothing of it runs. */
const commandLine = (write: (text: string) => void = () => {}): Command =>
  buildProgram(() => async () => {}, { columns: 100, stdout: { write } } as unknown as Streams)

/** What `ferry --help` prints, with what stands below the list of verbs. */
export const helpText = (): string => {
  const parts: string[] = []
  commandLine((text) => parts.push(text)).outputHelp()
  return parts.join('')
}

const commandLineText = (program: Command): string =>
  [
    '# Command line',
    '',
    NOTICE,
    block(helpText()),
    ...program.commands.flatMap((verb) => [
      `## ferry ${verb.name()}`,
      '',
      block(verb.helpInformation()),
    ]),
  ].join('\n')

const block = (text: string): string => `\`\`\`\n${text.trim()}\n\`\`\`\n`

const BEGIN = '<!-- usage: made by `npm run docs` -->'
const END = '<!-- /usage -->'

/** The list of verbs, between two marks. */
const withUsage = (readme: string, program: Command): string => {
  const [before, rest] = halves(readme, BEGIN)
  const [, after] = halves(rest, END)
  const width = Math.max(...program.commands.map((verb) => verb.name().length))
  const verbs = program.commands.map(
    (verb) => `ferry ${verb.name().padEnd(width)}  ${verb.summary()}`,
  )
  return `${before}${BEGIN}\n\n${block(verbs.join('\n'))}\n${END}${after}`
}

const halves = (text: string, mark: string): readonly [string, string] => {
  const at = text.indexOf(mark)
  if (at < 0) throw new Error(`README.md has no ${mark}`)
  return [text.slice(0, at), text.slice(at + mark.length)]
}

// ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const diagnosticsText = (): string =>
  [
    '# Diagnostics',
    '',
    NOTICE,
    'Every code that Ferry prints, as `ferry explain CODE` tells it. A process ends with the exit code of its first error; warnings never',
    'fail a run.',
    '',
    ...Object.entries(CODES)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([code, { title, exitCode, explanation }]) => [
        `## ${code}: ${title}`,
        '',
        explanation,
        '',
        `Exit code ${exitCode}.`,
        '',
      ]),
  ].join('\n')

// ── gates ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Names in place of what a step is about. */
const ANYTHING = {
  group: 'GROUP',
  topic: 'TOPIC',
  side: 'source',
  source: 'the source',
  allowed: 0,
  quietMs: 300_000,
  afterMs: 66_000,
  deadline: { at: 'a deadline' },
}

const gatesText = (): string =>
  [
    '# Gates',
    '',
    NOTICE,
    'Every fact that apply waits for before a step, or looks at before and after it. A plan, a wait and `ferry status` show its title; what is',
    'missing follows in brackets. What waiting does not help ends apply at once.',
    '',
    '| fact | title | read from |',
    '| --- | --- | --- |',
    ...FACTS.map(
      ({ name, title, reads }) => `| ${name} | ${title(ANYTHING as never)} | ${reads} |`,
    ),
    '',
  ].join('\n')

// ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Schema {
  readonly $ref?: string
  readonly title?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly oneOf?: readonly Schema[]
  readonly definitions?: Readonly<Record<string, Schema>>
}

const schemaText = async (kind: string, page: string): Promise<string> => {
  const root = JSON.parse(
    await readFile(join(ROOT, 'schemas', `${kind}.schema.json`), 'utf8'),
  ) as Schema
  const rows: string[] = []
  walk(root, root, '', rows)
  for (const each of root.oneOf ?? []) {
    const variant = resolved(each, root)
    rows.push(...(rows.length > 0 ? [''] : []), `## ${nameOf(variant)}`, '', sentence(variant), '')
    walk(variant, root, '', rows)
  }
  return [
    `# ${root.title ?? kind}${page.endsWith('-file') ? ' file' : ''}`,
    '',
    NOTICE,
    `${root.description ?? ''}`,
    '',
    `Schema: [\`schemas/${kind}.schema.json\`](../../schemas/${kind}.schema.json); \`ferry schema ${kind}\` prints it.`,
    '',
    ...rows,
    '',
  ].join('\n')
}

/** A line for each key: its path, what it takes, what it means. */
const walk = (schema: Schema, root: Schema, path: string, rows: string[]): void => {
  const required = new Set(schema.required ?? [])
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const here = path === '' ? key : `${path}.${key}`
    const known = resolved(child, root)
    const facts = [
      ...(required.has(key) ? ['required'] : []),
      ...typeFacts(known, root),
      ...(known.examples ? [`for example ${known.examples.map(code).join(', ')}`] : []),
    ]
    rows.push(`- **\`${here}\`** (${facts.join('; ')}): ${sentence(known)}`)
    below(known, root, here, rows)
  }
}

const below = (schema: Schema, root: Schema, path: string, rows: string[]): void => {
  if (schema.properties) walk(schema, root, path, rows)
  if (schema.items) {
    const items = resolved(schema.items, root)
    if (items.properties || items.oneOf) below(items, root, `${path}[]`, rows)
  }
  for (const each of schema.oneOf ?? []) {
    const variant = resolved(each, root)
    const name = nameOf(variant)
    rows.push(
      `- **\`${path}\`**, as ${name === undefined ? 'one of' : code(name)}: ${sentence(variant)}`,
    )
    if (variant.properties) walk(variant, root, path, rows)
  }
}

/** What tells one of several from the others: its constant that is no version. */
const nameOf = ({ properties = {} }: Schema): unknown =>
  Object.entries(properties).find(([key, { const: is }]) => key !== 'formatVersion' && is)?.[1]
    .const

const resolved = (schema: Schema, root: Schema): Schema =>
  schema.$ref === undefined
    ? schema
    : { ...(root.definitions?.[schema.$ref.slice('#/definitions/'.length)] ?? {}), ...schema }

const typeFacts = (schema: Schema, root: Schema): readonly string[] => {
  if (schema.const !== undefined) return [`always ${code(schema.const)}`]
  if (schema.enum) return [schema.enum.map(code).join(' or ')]
  const type = [schema.type ?? []].flat().join(' or ')
  const items = schema.items && typeFacts(resolved(schema.items, root), root)[0]
  return [
    ...(type === '' ? [] : [items === undefined ? type : `${type} of ${items}`]),
    ...(schema.minimum === undefined ? [] : [`at least ${schema.minimum}`]),
  ]
}

const sentence = ({ description = '' }: Schema): string => description.replaceAll('|', '\\|')

const code = (value: unknown): string =>
  `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
