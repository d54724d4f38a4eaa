import type { GroupId, TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import { Secret } from '../domain/secret.ts'
import type { MigrationState } from '../domain/state.ts'

/**
 * A migration with everything that its state knows, also what is in its file no more: a rollback takes back what was done, not what the
 * file says today.
 */
export const withState = (desired: Migration, state: MigrationState): Migration => {
  const at = desired.stageAt
  const topics = missing(
    [
      ...state.createdTopics,
      ...state.marks.map((m) => m.topic),
      ...state.purges.map((p) => p.topic),
    ],
    desired.topics.map((topic) => topic.name),
  ).map((name: TopicName) => ({
    name,
    at,
    partitions: undefined,
    replicationFactor: undefined,
    configs: undefined,
    offsets: 'auto' as const,
  }))
  const groups = missing(
    state.syncs.map((sync) => sync.group),
    desired.groups.map((group) => group.id),
  ).map((id: GroupId) => ({ id, at, uncommitted: 'absent' as const, uncommittedSaid: false }))
  const users = state.users
    .filter(
      (user) => !desired.users.some((u) => u.name === user.name && u.mechanism === user.mechanism),
    )
    .map(({ name, mechanism, passwordVersion }) => ({
      name,
      at,
      mechanism,
      password: new Secret(''),
      passwordVersion,
    }))
  const quotas = missing(
    state.quotasBefore.map((quota) => quota.user),
    desired.quotas.map((quota) => quota.user),
  ).map((user) => ({ user, at, producerByteRate: undefined, consumerByteRate: undefined }))
  return {
    ...desired,
    topics: [...desired.topics, ...topics],
    groups: [...desired.groups, ...groups],
    users: [...desired.users, ...users],
    quotas: [...desired.quotas, ...quotas],
  }
}

const missing = <T extends string>(known: readonly T[], listed: readonly T[]): readonly T[] =>
  [...new Set(known)].filter((each) => !listed.includes(each)).sort()
