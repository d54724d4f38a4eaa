import { aclKey } from '../domain/access.ts'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import {
  type Migration,
  type RemovedSpec,
  removedInWords,
  removedKey,
} from '../domain/migration.ts'
import { placeText } from './place-text.ts'
import { quote } from './words.ts'

/** What a migration wants to remove although another one of the project counts on it, or Ferry's own state is in it. */
export const othersThings = ({
  migrations,
  stateTopic,
}: {
  readonly migrations: readonly { readonly migration: Migration }[]
  /** The topic of the state, where it is in one. */
  readonly stateTopic: { readonly cluster: string; readonly topic: string } | undefined
}): readonly Diagnostic[] => {
  const owners = new Map<string, { readonly name: string; readonly at: Place }[]>()
  const own = (key: string, name: string, at: Place): void => {
    owners.set(key, [...(owners.get(key) ?? []), { name, at }])
  }
  for (const { migration } of migrations) {
    for (const [key, at] of thingsOf(migration)) own(key, migration.name, at)
  }
  return migrations.flatMap(({ migration }) =>
    migration.removed.flatMap((spec) => {
      const key = onCluster(migration, spec)
      const owner = owners.get(key)?.find(({ at }) => at.file !== migration.file)
      if (owner !== undefined) return [refused(spec, owner)]
      return stateTopic !== undefined && key === `${stateTopic.cluster}/topic/${stateTopic.topic}`
        ? [itsOwnState(spec)]
        : []
    }),
  )
}

const onCluster = ({ from, to }: Migration, spec: RemovedSpec): string =>
  removedKey(spec).replace(spec.on, spec.on === 'source' ? from : to)

/** Everything that a migration says should be, by cluster. */
const thingsOf = (migration: Migration): readonly (readonly [string, Place])[] => {
  const { from, to } = migration
  return [
    ...migration.topics.flatMap(({ name, at }) => [
      [`${from}/topic/${name}`, at] as const,
      [`${to}/topic/${name}`, at] as const,
    ]),
    ...migration.groups.flatMap(({ id, at }) => [
      [`${from}/group/${id}`, at] as const,
      [`${to}/group/${id}`, at] as const,
    ]),
    ...migration.users.map(({ name, at }) => [`${to}/user/${name}`, at] as const),
    ...migration.quotas.map(({ user, at }) => [`${to}/quota/${user}`, at] as const),
    ...migration.access.flatMap(({ atOnce, afterSync, afterSeal, at }) =>
      [...atOnce, ...afterSync, ...afterSeal].map(
        (acl) => [`${to}/acl/${aclKey(acl)}`, at] as const,
      ),
    ),
  ]
}

const refused = (
  { object, at }: RemovedSpec,
  owner: { readonly name: string; readonly at: Place },
): Diagnostic =>
  diagnostic({
    code: 'FERRY1054',
    detail: `The ${removedInWords(object)} is listed in migration ${quote(owner.name)} (${placeText(owner.at, at)}), which counts on it.`,
    fix: 'Remove it in that migration, once it is retired.',
    at,
  })

const itsOwnState = ({ object, at }: RemovedSpec): Diagnostic =>
  diagnostic({
    code: 'FERRY1054',
    detail: `The ${removedInWords(object)} holds the state of this project: without it no migration could go on.`,
    fix: 'Take the entry out.',
    at,
  })
