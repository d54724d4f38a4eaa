import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { noSuchTopic } from '../planner/no-such-topic.ts'
import { counted } from '../steps/_words.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'

/** Every topic and group of the plan file is on the source, and nothing that was asked went unanswered. */
export const allIsThere = ({
  migration,
  observed,
}: Pick<MigrationFacts, 'migration' | 'observed'>): Finding => {
  const { source, target, problems } = observed
  // What could not be read is not missing.
  const complete = problems.length === 0
  const topics = migration.topics.filter(({ name }) => !source.topics.has(name))
  const groups = migration.groups.filter(({ id }) => {
    const group = source.groups.get(id)
    return group === undefined || (group.description.state === 'absent' && group.commits.size === 0)
  })
  const unequal = migration.topics.flatMap(({ name, at }): Diagnostic[] => {
    const here = source.topics.get(name)?.description.partitions.length
    const there = target.topics.get(name)?.description.partitions.length
    if (here === undefined || there === undefined || here === there) return []
    return [
      diagnostic({
        code: 'FERRY1304',
        detail: `${name} has ${counted(here, 'partition')} on ${source.name}, but ${there} on ${target.name}.`,
        fix: `See \`ferry plan ${migration.name}\`, which says what can be done.`,
        at,
      }),
    ]
  })
  const found = (all: readonly unknown[], missing: readonly unknown[]): string =>
    `${all.length - missing.length} of ${all.length}`
  return {
    says: `${found(migration.topics, topics)} topics and ${found(migration.groups, groups)} groups are on ${source.name}`,
    problems: [
      ...problems,
      ...(complete ? topics : []).map((spec) => noSuchTopic(spec, source)),
      ...(complete ? groups : []).map(({ id, at }) =>
        diagnostic({
          code: 'FERRY1315',
          detail: `${source.name} knows no group ${id}.`,
          fix: 'Correct the name, or take the group out of the file.',
          at,
        }),
      ),
      ...unequal,
    ],
  }
}
