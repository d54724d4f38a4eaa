import { stringify } from 'yaml'
import { normaliseTopicConfig } from '../config/topic-configs.ts'
import { ownedBy } from '../doctor/coverage.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { GroupId, TopicName } from '../domain/ids.ts'
import { CARRIED_TOPIC_CONFIGS, OTHER_TOPIC_CONFIGS } from '../domain/topic-config-names.ts'
import type { ConfigEntry, GroupDescription, TopicDescription } from '../kafka/cluster.ts'
import { defaultIn } from '../planner/topic-configs.ts'
import { counted, humanBytes, humanDuration } from '../steps/_words.ts'
import type { Closure } from '../survey/ties.ts'
import { type AccessScope, accessLines, type SourceAccess } from './import-access.ts'

/** What was read of the source for a new plan file. */
export interface ImportedMigration {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly asked: { readonly topics: readonly TopicName[]; readonly groups: readonly GroupId[] }
  readonly closure: Closure
  readonly unread: readonly Diagnostic[]
  readonly transactionalIdsSeen: boolean
  readonly topics: ReadonlyMap<TopicName, TopicDescription | 'absent'>
  /** Undefined: the source is too old to tell. */
  readonly configs: ReadonlyMap<TopicName, ReadonlyMap<string, ConfigEntry>> | undefined
  readonly targetDefaults: ReadonlyMap<string, ConfigEntry>
  readonly groups: ReadonlyMap<GroupId, GroupDescription>
  readonly access: SourceAccess
  readonly scope: AccessScope
}

/** Where the target's default would change how long or what a topic keeps, the source's is written out. */
const WORTH_WRITING = ['cleanup.policy', 'retention.ms', 'retention.bytes', 'max.message.bytes']

/** The plan file, with comments that say where everything comes from. */
export const migrationText = (from: ImportedMigration, now: Date): string =>
  [
    ...header(from, now).map(comment),
    'apiVersion: ferry/v1',
    'kind: Migration',
    `metadata: { name: ${yaml(from.name)} }`,
    'spec:',
    `  from: ${yaml(from.from)}`,
    `  to: ${yaml(from.to)}`,
    '  # Raise it stage by stage: prepared, mirrored, consumers-moved, producers-moved, retired.',
    '  stage: prepared',
    '  topics:',
    ...from.closure.topics.flatMap((topic) => topicLines(topic, from)),
    ...groupLines(from),
    ...accessLines(from.access, from.scope, from.from),
    '',
  ].join('\n')

const comment = (line: string): string => `# ${printed(line)}`.trimEnd()

/** One line, whatever a name holds. */
const printed = (text: string): string => JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')

const yaml = (value: string): string => stringify(value, { lineWidth: 0 }).trimEnd()

const header = (from: ImportedMigration, now: Date): readonly string[] => {
  const asked = [
    ...from.asked.groups.map((group) => `group ${group}`),
    ...from.asked.topics.map((topic) => `topic ${topic}`),
  ]
  const transactional = from.closure.ties.filter(({ kind }) => kind === 'transactional-id')
  return [
    `Imported from ${from.from} on ${now.toISOString().slice(0, 10)}: ${asked.join(', ')},`,
    'and everything that shares topics with it, since that can only move together.',
    ...(from.transactionalIdsSeen
      ? transactional.map(
          ({ name, topics }) =>
            `Transactional id ${name} writes to ${[...topics].sort().join(', ')}.`,
        )
      : [
          `${from.from} does not tell who writes in transactions (before Kafka 3.0): ask the owners which topics`,
          'their transactional producers write to, and add those.',
        ]),
    ...(from.unread.length > 0
      ? [
          `${counted(from.unread.length, 'read')} of ${from.from} failed, so something may be missing here; the first:`,
          ...from.unread.slice(0, 1).map(({ detail }) => detail),
        ]
      : []),
  ]
}

const topicLines = (topic: TopicName, from: ImportedMigration): readonly string[] => {
  const described = from.topics.get(topic)
  const partitions =
    described === undefined || described === 'absent' ? 0 : described.partitions.length
  const configs = from.configs?.get(topic)
  const written = defaultsToWrite(configs, from)
  const notes = [
    `${counted(partitions, 'partition')}${becauseOf(topic, from)}`,
    ...overrideNotes(configs, from.from),
    ...(ownedBy(topic) === undefined
      ? []
      : [
          `This is ${ownedBy(topic)}: it means something only with its application. See ferry explain FERRY2008.`,
        ]),
    ...written.map(
      ([key, value, there]) =>
        `${key} is ${human(key, value)} by default of ${from.from}, and ${human(key, there)} by that of ${from.to}: written out.`,
    ),
    ...(from.configs === undefined
      ? [`${from.from} cannot tell topic configs (before Kafka 0.11): write them out.`]
      : []),
  ]
  return [
    ...notes.map((note) => `    ${comment(note)}`),
    `    - name: ${yaml(topic)}`,
    ...(written.length === 0
      ? []
      : [
          '      configs:',
          ...written.map(([key, value]) => `        ${key}: ${yaml(human(key, value))}`),
        ]),
  ]
}

const becauseOf = (topic: TopicName, { closure }: ImportedMigration): string => {
  const reason = closure.because.get(topic)
  if (reason === undefined) return '.'
  const { kind, name } = reason.tie
  return `; here because ${kind === 'group' ? 'group' : 'transactional id'} ${name} uses it and ${reason.from}.`
}

const overrideNotes = (
  configs: ReadonlyMap<string, ConfigEntry> | undefined,
  from: string,
): readonly string[] => {
  const overrides = [...(configs ?? [])]
    .filter(([, { isOverride, value }]) => isOverride && value !== null)
    .map(([key, { value }]) => [key, value ?? ''] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1))
  const known = (key: string): boolean =>
    CARRIED_TOPIC_CONFIGS.has(key) || OTHER_TOPIC_CONFIGS.has(key)
  const said = (entries: readonly (readonly [string, string])[]): string =>
    entries.map(([key, value]) => `${key}=${human(key, value)}`).join(', ')
  const follow = overrides.filter(([key]) => known(key))
  const left = overrides.filter(([key]) => !known(key))
  return [
    ...(follow.length > 0 ? [`Its overrides on ${from} follow it: ${said(follow)}.`] : []),
    ...(left.length > 0 ? [`Not carried over: ${said(left)}.`] : []),
  ]
}

/** Key, value on the source, default of the target: where no override of the source says it, and the target would do something else. */
const defaultsToWrite = (
  configs: ReadonlyMap<string, ConfigEntry> | undefined,
  { targetDefaults }: ImportedMigration,
): readonly (readonly [key: string, here: string, there: string])[] =>
  WORTH_WRITING.flatMap((key) => {
    const entry = configs?.get(key)
    const there = defaultIn(targetDefaults, key)
    if (entry === undefined || entry.isOverride || entry.value === null) return []
    if (there === undefined || there === entry.value) return []
    return [[key, entry.value, there] as const]
  })

/** A value of a topic config as people write it, where that is read back as the very same. */
export const human = (key: string, value: string): string => {
  const short = key.endsWith('.ms')
    ? humanDuration(value)
    : key.endsWith('.bytes')
      ? humanBytes(Number(value))
          .replace(/\.0(?= )/, '')
          .replace(' ', '')
      : value
  return normaliseTopicConfig(key, short, undefined) === value ? short : value
}

const groupLines = (from: ImportedMigration): readonly string[] => {
  const groups = from.closure.ties.filter(({ kind }) => kind === 'group')
  if (groups.length === 0) return ['  # No group has live commits on these topics.', '  groups: []']
  return [
    '  groups:',
    ...groups.flatMap(({ name, topics }) => {
      const described = from.groups.get(name as GroupId)
      const members = described?.members.length ?? 0
      return [
        `    ${comment(`Reads ${[...topics].sort().join(', ')}; ${members === 0 ? 'no members now' : counted(members, 'member')}.`)}`,
        `    - id: ${yaml(name)}`,
      ]
    }),
  ]
}
