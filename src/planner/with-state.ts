import type { Migration } from '../domain/migration.ts'
import type { MigrationState } from '../domain/state.ts'
import { withManaged } from './managed.ts'

/**
 * A migration with everything that its state knows, also what is in its file no more: a rollback takes back what was done, not what the
 * file says today.
 */
export const withState = (desired: Migration, state: MigrationState): Migration =>
  withManaged(desired, {
    topics: [...state.createdTopics, ...[...state.marks, ...state.purges].map((m) => m.topic)],
    groups: state.syncs.map((sync) => sync.group),
    users: state.users,
    quotas: state.quotasBefore.map((quota) => quota.user),
  })
