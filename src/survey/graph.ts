import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { Survey } from './survey.ts'
import { type Tie, tiesOf } from './ties.ts'

export const GRAPH_FORMAT_VERSION = '1.0'

/** A group or transactional id, and the topics that it uses, each with the migration that has it; null: none has. */
export interface GraphTie {
  readonly kind: Tie['kind']
  readonly name: string
  readonly topics: readonly { readonly name: TopicName; readonly migration: string | null }[]
  /** The migration whose plan file lists the group; null: none does, or it is a transactional id. */
  readonly listedIn: string | null
}

/** What hangs together on one live source, seen with the migrations that leave it. */
export interface SourceGraph {
  readonly cluster: string
  /** Sets of migrations that must move together; one alone is a set of one. */
  readonly together: readonly (readonly string[])[]
  /** Those that use a topic of a migration. */
  readonly ties: readonly GraphTie[]
  /** False: the brokers do not tell who writes in transactions (before 3.0). */
  readonly transactionalIdsSeen: boolean
  /** An error for each tie over several migrations; warnings for what could not be read. */
  readonly problems: readonly Diagnostic[]
}

/** Pure. */
export const graphOf = (survey: Survey, migrations: readonly Migration[]): SourceGraph => {
  const owner = new Map<TopicName, Migration>()
  const lister = new Map<string, string>()
  for (const migration of migrations) {
    for (const { name } of migration.topics) owner.set(name, migration)
    for (const { id } of migration.groups) lister.set(id, migration.name)
  }
  const ties = tiesOf(survey)
    .map(
      ({ kind, name, topics }): GraphTie => ({
        kind,
        name,
        topics: [...topics]
          .sort()
          .map((topic) => ({ name: topic, migration: owner.get(topic)?.name ?? null })),
        listedIn: kind === 'group' ? (lister.get(name) ?? null) : null,
      }),
    )
    .filter((tie) => migrationsOf(tie).length > 0)
  return {
    cluster: survey.cluster,
    together: joined(
      migrations.map(({ name }) => name),
      ties.map(migrationsOf),
    ),
    ties,
    transactionalIdsSeen: survey.transactionalIds !== 'unsupported',
    problems: [
      ...ties.flatMap((tie) => tornApart(tie, migrations)),
      ...survey.unread.map((problem) => ({ ...problem, severity: 'warning' as const })),
    ],
  }
}

/** The migrations that a tie touches: those of its topics, and the one that lists it. */
export const migrationsOf = ({ topics, listedIn }: GraphTie): readonly string[] =>
  [...new Set([...topics.map(({ migration }) => migration), listedIn])]
    .filter((name) => name !== null)
    .sort()

const tornApart = (tie: GraphTie, migrations: readonly Migration[]): readonly Diagnostic[] => {
  const touched = migrationsOf(tie)
  if (touched.length < 2) return []
  const what = tie.kind === 'group' ? 'Group' : 'Transactional id'
  const uses = tie.topics
    .filter(({ migration }) => migration !== null)
    .map(({ name, migration }) => `${name} (${migration})`)
  const first = migrations.find(({ name }) => name === touched[0])
  return [
    diagnostic({
      code: 'FERRY2013',
      detail: `${what} ${tie.name} uses ${uses.join(', ')}${tie.listedIn === null ? '' : `, and is listed in ${tie.listedIn}`}.`,
      fix: `Put ${touched.join(' and ')} into one migration.`,
      ...(first && { at: first.stageAt }),
    }),
  ]
}

/** Connected sets, each sorted, in the order of their first name. */
const joined = (
  names: readonly string[],
  links: readonly (readonly string[])[],
): readonly (readonly string[])[] => {
  const setOf = new Map(names.map((name) => [name, new Set([name])] as const))
  for (const link of links) {
    const merged = new Set(link.flatMap((name) => [...(setOf.get(name) ?? [])]))
    for (const name of merged) setOf.set(name, merged)
  }
  return [...new Set(setOf.values())]
    .map((set) => [...set].sort())
    .sort((one, other) => ((one[0] ?? '') < (other[0] ?? '') ? -1 : 1))
}
