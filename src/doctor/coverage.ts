import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupId, TopicName } from '../domain/ids.ts'
import type { Migration, Project } from '../domain/migration.ts'
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
  { groups, cluster, unread }: Pick<Survey, 'groups' | 'cluster' | 'unread'>,
): Finding => {
  const planned = new Set(all.flatMap((each) => each.groups.map(({ id }) => id)))
  const ours = new Set(migration.topics.map(({ name }) => name))
  const readers: [GroupId, readonly TopicName[]][] = []
  for (const [id, { topics }] of groups) {
    const shared = [...topics].filter((topic) => ours.has(topic)).sort()
    if (shared.length > 0) readers.push([id, shared])
  }
  const left = readers.filter(([id]) => !planned.has(id))
  return {
    says: `${readers.length - left.length} of ${readers.length} groups with live commits on its topics are in a plan file${unread.length > 0 ? `; ${unread.length} reads were refused` : ''}`,
    problems: left.map(([id, topics]) =>
      diagnostic({
        code: 'FERRY2007',
        severity: 'warning',
        detail: `${id} has live commits on ${topics.join(', ')} on ${cluster}, but is in no plan file${id.startsWith('connect-') ? '; by its name it is a sink connector of Kafka Connect' : ''}.`,
        fix: `Add \`- id: ${id}\` to the groups of ${migration.name}, or delete the group if it is dead.`,
        at: migration.stageAt,
      }),
    ),
  }
}

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
