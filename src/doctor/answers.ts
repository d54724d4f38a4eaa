import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { mayBeGone } from '../planner/may-be-gone.ts'
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
  // What could not be read is not missing. What was read is, whatever else could not be.
  const topics = migration.topics.filter(({ name }) => source.absentTopics?.has(name))
  const missing = topics.filter(({ name }) => !mayBeGone(migration, name))
  const groups = migration.groups.filter(({ id }) => {
    const group = source.groups.get(id)
    return group?.description.state === 'absent' && group.commits.size === 0
  })
  const unread = [
    unreadOf(migration.topics, topics, ({ name }) => source.topics.has(name), 'topic'),
    unreadOf(migration.groups, [], ({ id }) => source.groups.has(id), 'group'),
  ].filter((each) => each !== undefined)
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
  const there = [source.topics.size, source.groups.size - groups.length]
  const says = `${there[0]} of ${migration.topics.length} topics and ${there[1]} of ${migration.groups.length} groups are on ${source.name}`
  return {
    says: unread.length === 0 ? says : `${says}; ${unread.join(' and ')} could not be read`,
    problems: [
      ...problems,
      ...missing.map((spec) => noSuchTopic(spec, source)),
      ...groups.map(({ id, at }) =>
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

/** `2 topics`: neither there nor missing, as far as anybody was told. */
const unreadOf = <T>(
  all: readonly T[],
  missing: readonly T[],
  isThere: (each: T) => boolean,
  noun: string,
): string | undefined => {
  const unread = all.filter((each) => !isThere(each) && !missing.includes(each))
  return unread.length === 0 ? undefined : counted(unread.length, noun)
}
