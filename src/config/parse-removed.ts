import { aclKey } from '../domain/access.ts'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import type { GroupId, TopicName } from '../domain/ids.ts'
import {
  type Migration,
  type RemovedObject,
  type RemovedSpec,
  removedInWords,
  removedKey,
} from '../domain/migration.ts'
import { checkUnique } from './duplicates.ts'
import type { OpenedFile } from './open-file.ts'
import { parseRaw } from './parse-access.ts'
import type { Problems } from './problems.ts'
import type { MigrationFile, RawRemoved } from './raw-files.ts'
import { quote, readablePath } from './words.ts'

/** `spec.removed` of a migration. */
export const parseRemoved = (
  { raw, document }: OpenedFile<MigrationFile>,
  problems: Problems,
): readonly RemovedSpec[] => {
  const removed: RemovedSpec[] = []
  for (const [i, entry] of (raw.spec?.removed ?? []).entries()) {
    if (entry === undefined) continue
    const pointer = `/spec/removed/${i}`
    const at = document.at(pointer)
    const object = objectOf(entry, at, problems)
    // What the schema refused is not there.
    if (object === undefined || entry.reason === undefined) continue
    if (entry.on === undefined && (object.kind === 'topic' || object.kind === 'group')) {
      problems.push(
        diagnostic({
          code: 'FERRY1051',
          detail: `${readablePath(pointer)} deletes a ${object.kind} and does not say on which cluster.`,
          fix: 'Add `on: source` or `on: target`.',
          at,
        }),
      )
      continue
    }
    removed.push({ object, on: entry.on ?? 'target', reason: entry.reason, at })
  }
  problems.push(
    ...checkUnique(removed, removedKey, ({ object }) => `The ${removedInWords(object)}`),
  )
  return removed
}

const objectOf = (
  { topic, group, user, quota, acl }: RawRemoved,
  at: Place,
  problems: Problems,
): RemovedObject | undefined => {
  const isInternal = topic?.startsWith('__') || group?.startsWith('ferry-mirror-')
  if (isInternal) {
    problems.push(
      diagnostic({
        code: 'FERRY1036',
        detail: `${quote(topic ?? group)} is internal to Kafka or to Ferry; deleting it would break more than this migration.`,
        fix: 'Remove the entry.',
        at,
      }),
    )
    return undefined
  }
  if (topic !== undefined) return { kind: 'topic', topic: topic as TopicName }
  if (group !== undefined) return { kind: 'group', group: group as GroupId }
  if (user !== undefined) return { kind: 'user', user }
  if (quota !== undefined) return { kind: 'quota', user: quota }
  if (acl?.principal === undefined) return undefined
  const binding = parseRaw(acl, { principal: acl.principal }, at, problems)
  return binding && { kind: 'acl', acl: binding }
}

/** What one file says against itself: a thing that it makes and removes, or a source that is cleared before the end. */
export const checkRemoved = (
  migration: Migration,
  stageIsKnown: boolean,
): readonly Diagnostic[] => [
  ...contradictions(migration),
  ...(stageIsKnown && migration.stage !== 'retired' ? tooEarly(migration) : []),
]

const tooEarly = ({ removed, stage, stageAt }: Migration): readonly Diagnostic[] =>
  removed
    .filter(({ on }) => on === 'source')
    .map(({ object, at }) =>
      diagnostic({
        code: 'FERRY1053',
        detail: `The ${removedInWords(object)} of the source is to be removed, but the stage is ${stage} (line ${stageAt.line}): until the migration is retired the source is what a rollback goes back to.`,
        fix: 'Take the entry out, and add it again with `stage: retired`.',
        at,
      }),
    )

const contradictions = (migration: Migration): readonly Diagnostic[] => {
  const { topics, groups, users, quotas, access, removed } = migration
  const made = new Map<string, Place>([
    ...topics.map(({ name, at }) => [`target/topic/${name}`, at] as const),
    ...groups.map(({ id, at }) => [`target/group/${id}`, at] as const),
    ...users.map(({ name, at }) => [`target/user/${name}`, at] as const),
    ...quotas.map(({ user, at }) => [`target/quota/${user}`, at] as const),
    ...access.flatMap(({ atOnce, afterSync, afterSeal, at }) =>
      [...atOnce, ...afterSync, ...afterSeal].map(
        (acl) => [`target/acl/${aclKey(acl)}`, at] as const,
      ),
    ),
  ])
  return removed.flatMap((spec) => {
    const there = made.get(removedKey(spec))
    if (there === undefined) return []
    const { object, at } = spec
    return [
      diagnostic({
        code: 'FERRY1053',
        detail: `The ${removedInWords(object)} is to be removed from the target, and line ${there.line} (${readablePath(there.pointer)}) says that it should be there.`,
        fix: 'Take one of the two out of the file.',
        at,
      }),
    ]
  })
}
