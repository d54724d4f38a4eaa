import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Migration, Project } from '../domain/migration.ts'
import {
  type CoverageFinding,
  coverage,
  coverageOfSurvey,
  elsewhereOf,
  NOT_LISTED,
} from '../planner/coverage.ts'
import { coverageWarning } from '../planner/coverage-warnings.ts'
import { counted } from '../steps/_words.ts'
import type { Survey } from '../survey/survey.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'

/** Topics that belong to an application of Connect or Streams. */
const OWNED: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^connect-/, 'state of Kafka Connect'],
  [/-changelog$/, 'a changelog of Kafka Streams'],
  [/-repartition$/, 'a repartition topic of Kafka Streams'],
]

export const ownedBy = (topic: string): string | undefined =>
  OWNED.find(([pattern]) => pattern.test(topic))?.[1]

const migrationsFrom = (project: Project, source: string): readonly Migration[] =>
  [...project.migrations.values()].filter(({ from }) => from === source)

/** Groups that read the topics of this migration and would be left behind. */
export const everyGroupIsPlanned = async (facts: MigrationFacts): Promise<Finding> => {
  const { migration, project } = facts
  const seen = await facts.survey()
  return judgeCoverage(migration, migrationsFrom(project, migration.from), seen)
}

export const judgeCoverage = (
  migration: Migration,
  all: readonly Migration[],
  seen: Survey,
): Finding => {
  const topics = migration.topics.map(({ name }) => name)
  const users = coverageOfSurvey(seen, topics)
  const found = coverage(
    migration,
    { coverage: { ...users, acls: null, notVisible: [] } },
    elsewhereOf(migration, all),
  )
  const left = found.filter(({ kind }) => kind === 'group' || kind === 'connect').length
  const readers = users.groups.length
  const { unread } = seen
  return {
    says: `${readers - left} of ${readers} groups with live commits on its topics are in a plan file; readers without a group cannot be seen on any topic${unread.length > 0 ? `; ${unread.length} reads were refused` : ''}${seen.transactionalIds === 'unsupported' ? `; not to be seen: ${NOT_LISTED}` : ''}`,
    problems: found.flatMap((each): Diagnostic[] => {
      switch (each.kind) {
        case 'group':
        case 'connect':
          return [inNoPlan(each, migration, seen.cluster)]
        // Applications have a check of their own.
        case 'streams':
          return []
        default:
          return [{ ...coverageWarning(each, migration, seen.cluster), at: migration.stageAt }]
      }
    }),
  }
}

const inNoPlan = (
  { kind, id, topics }: CoverageFinding & { readonly kind: 'group' | 'connect' },
  { name, stageAt }: Migration,
  cluster: string,
): Diagnostic =>
  diagnostic({
    code: 'FERRY2007',
    severity: 'warning',
    detail: `${id} has live commits on ${topics.join(', ')} on ${cluster}, but is in no plan file${kind === 'connect' ? '; by its name it is a sink connector of Kafka Connect' : ''}.`,
    fix: `Add \`- id: ${id}\` to the groups of ${name}, or delete the group if it is dead.`,
    at: stageAt,
  })

/** Topics of Connect and Streams in the migration, and changelogs of its groups that are in none. */
export const applicationsAreWhole = async (facts: MigrationFacts): Promise<Finding> => {
  const { migration, project } = facts
  return judgeApplications(migration, migrationsFrom(project, migration.from), await facts.survey())
}

export const judgeApplications = (
  migration: Migration,
  all: readonly Migration[],
  { topics: live, cluster }: Pick<Survey, 'topics' | 'cluster'>,
): Finding => {
  const planned = new Set(all.flatMap((each) => each.topics.map(({ name }) => name)))
  const problems: Diagnostic[] = []
  const warn = (detail: string, fix: string, at: Diagnostic['at']): void => {
    problems.push(
      diagnostic({ code: 'FERRY2008', severity: 'warning', detail, fix, ...(at && { at }) }),
    )
  }
  for (const { name, at, offsets } of migration.topics) {
    const what = ownedBy(name)
    if (what === undefined) continue
    warn(
      `${name} is ${what}: it means something only together with its application${offsets === 'identical' ? '' : ', and positions in it only with identical offsets'}.`,
      'Move it with its application, with `offsets: identical`; or leave it out and let the application build it again on the target.',
      at,
    )
  }
  // A Streams application names its group and its topics by its application id.
  for (const { id, at } of migration.groups) {
    for (const topic of live) {
      if (!topic.startsWith(`${id}-`) || ownedBy(topic) === undefined || planned.has(topic))
        continue
      warn(
        `${topic} on ${cluster} is ${ownedBy(topic)}, by its name of ${id}, but is in no plan file.`,
        `Add it to the topics of ${migration.name}, or see that the application builds it again on the target.`,
        at,
      )
    }
  }
  return {
    says:
      problems.length === 0
        ? 'no connect-*, *-changelog or *-repartition topics are concerned'
        : counted(problems.length, 'topic'),
    problems,
  }
}
