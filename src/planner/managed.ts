import type { Managed } from '../domain/drift.ts'
import { type Migration, removedKey } from '../domain/migration.ts'
import { Secret } from '../domain/secret.ts'

/** The names of all that a migration manages. */
export const managedOf = (desired: Migration): Managed => ({
  topics: desired.topics.map(({ name }) => name),
  groups: desired.groups.map(({ id }) => id),
  principals: unique(desired.access.map(({ principal }) => principal)),
  users: desired.users.map(({ name, mechanism }) => ({ name, mechanism })),
  quotas: desired.quotas.map(({ user }) => user),
  removed: desired.removed.map(removedKey).sort(),
})

/** The migration with all of this too, so that it is read from the clusters; nothing is wanted of what is only named. */
export const withManaged = (
  desired: Migration,
  managed: Pick<Managed, 'topics' | 'groups' | 'quotas'> & {
    readonly users: readonly (Managed['users'][number] & { readonly passwordVersion: number })[]
  },
): Migration => {
  const at = desired.stageAt
  const topics = missing(managed.topics, desired.topics, ({ name }) => name)
  const groups = missing(managed.groups, desired.groups, ({ id }) => id)
  const quotas = missing(managed.quotas, desired.quotas, ({ user }) => user)
  const users = managed.users.filter(
    (user) => !desired.users.some((u) => u.name === user.name && u.mechanism === user.mechanism),
  )
  return {
    ...desired,
    topics: [
      ...desired.topics,
      ...topics.map((name) => ({
        name,
        at,
        partitions: undefined,
        replicationFactor: undefined,
        configs: undefined,
        offsets: 'auto' as const,
      })),
    ],
    groups: [
      ...desired.groups,
      ...groups.map((id) => ({ id, at, uncommitted: 'absent' as const, uncommittedSaid: false })),
    ],
    users: [
      ...desired.users,
      ...users.map(({ name, mechanism, passwordVersion }) => ({
        name,
        at,
        mechanism,
        password: new Secret(''),
        passwordVersion,
      })),
    ],
    quotas: [
      ...desired.quotas,
      ...quotas.map((user) => ({
        user,
        at,
        producerByteRate: undefined,
        consumerByteRate: undefined,
      })),
    ],
  }
}

const unique = <T>(all: readonly T[]): readonly T[] => [...new Set(all)].sort()

const missing = <T extends string, S>(
  known: readonly T[],
  listed: readonly S[],
  nameOf: (spec: S) => string,
): readonly T[] => {
  const there = new Set(listed.map(nameOf))
  return unique(known).filter((each) => !there.has(each))
}
