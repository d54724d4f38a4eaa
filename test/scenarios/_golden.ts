import { join } from 'node:path'
import { expect } from 'vitest'
import { schemaProblems } from '../schema-problems.ts'
import { mask } from './_mask.ts'
import type { Ended, Project, World } from './_world.ts'

const FOLDER = join(import.meta.dirname, 'golden')

/** What of a run is compared: the text for people, and what `--json` and `--markdown` print. */
export interface Golden {
  readonly name: string
  /** Without `--quiet`, which is added: progress depends on the machine. */
  readonly args: readonly string[]
  readonly exit: number
  readonly env?: Readonly<Record<string, string>>
  /** As text: default; not where a line breaks at another place on another machine, since it names a host or a user. */
  readonly text?: boolean
  /** Also run with `--json`: default. */
  readonly json?: boolean
  /** Also run with `--markdown -`. */
  readonly markdown?: boolean
  /** Events of the stream that come or not as quick as the machine is. */
  readonly without?: readonly string[]
}

/**
 * Runs ferry in up to three ways and compares each output whole with `golden/<name>/expected.*`; `vitest run -u` writes them anew, to be
 * looked at.
 */
export const expectGolden = async (
  world: World,
  project: Project,
  golden: Golden,
): Promise<void> => {
  const { name, args, exit, env, text = true, json = true, markdown = false, without } = golden
  const folder = join(FOLDER, name)
  const run = async (more: readonly string[]): Promise<Ended> => {
    const ended = await project.ferry(['--quiet', ...args, ...more], env)
    expect(ended.code, `ferry ${args.join(' ')}\n${ended.stdout}${ended.stderr}`).toBe(exit)
    return ended
  }
  const masked = (text: string): string => mask(text, { texts: textsOf(world, project) })
  if (text) {
    const ended = asText(args, await run([]))
    await expect(masked(ended)).toMatchFileSnapshot(join(folder, 'expected.txt'))
  }
  if (json) {
    const { stdout } = await run(['--json'])
    await expect(masked(asJson(stdout, without))).toMatchFileSnapshot(join(folder, 'expected.json'))
  }
  if (markdown) {
    const { stdout } = await run(['--markdown', '-'])
    await expect(masked(stdout)).toMatchFileSnapshot(join(folder, 'expected.md'))
  }
}

/** The same of one that already ran. */
export const expectGoldenText = async (
  world: World,
  project: Project,
  { name, args }: Pick<Golden, 'name' | 'args'>,
  ended: Ended,
): Promise<void> => {
  const text = mask(asText(args, ended), { texts: textsOf(world, project) })
  await expect(text).toMatchFileSnapshot(join(FOLDER, name, 'expected.txt'))
}

/** One line of `apply --json`. */
export interface StreamEvent {
  readonly event: string
  readonly step?: string
}

/** Told when and as often as the machine is slow. */
const BY_CHANCE: ReadonlySet<string> = new Set(['progress', 'waiting'])

/**
 * The events of an apply that already ran: each is one of the published schema, and all but those that depend on the machine are compared
 * whole. Those belong to the step that runs.
 */
export const expectGoldenEvents = async (
  world: World,
  project: Project,
  name: string,
  stdout: string,
): Promise<readonly StreamEvent[]> => {
  const events = eventsIn(stdout)
  let running: string | undefined
  for (const event of events) {
    expect(await schemaProblems('events', event), JSON.stringify(event)).toEqual([])
    if (event.event === 'step-started') running = event.step
    if (BY_CHANCE.has(event.event)) expect(event.step, JSON.stringify(event)).toBe(running)
    if (event.event === 'step-done') running = undefined
  }
  const text = `${JSON.stringify(
    events.filter(({ event }) => !BY_CHANCE.has(event)),
    null,
    2,
  )}\n`
  await expect(mask(text, { texts: textsOf(world, project) })).toMatchFileSnapshot(
    join(FOLDER, name, 'expected.json'),
  )
  return events
}

const eventsIn = (stdout: string): readonly StreamEvent[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as StreamEvent)

const textsOf = (
  { source, target }: World,
  project: Project,
): Readonly<Record<string, string>> => ({
  [source.clusterId]: '<id of old>',
  [target.clusterId]: '<id of new>',
  ...Object.fromEntries(source.bootstrapServers.map((address) => [address, '<old>'])),
  ...Object.fromEntries(target.bootstrapServers.map((address) => [address, '<new>'])),
  [project.folder]: '<folder>',
})

const asText = (args: readonly string[], { code, stdout, stderr }: Ended): string =>
  [
    `$ ferry ${args.join(' ')}`,
    ...(stdout === '' ? [] : [stdout.trimEnd()]),
    ...(stderr === '' ? [] : ['--- stderr', stderr.trimEnd()]),
    `--- exit ${code}`,
    '',
  ].join('\n')

/** Indented; a stream of events as a list. */
const asJson = (stdout: string, without: readonly string[] = []): string => {
  const isStream = stdout.startsWith('{"')
  const value = isStream
    ? eventsIn(stdout).filter(({ event }) => !without.includes(event))
    : (JSON.parse(stdout) as unknown)
  return `${JSON.stringify(value, null, 2)}\n`
}
