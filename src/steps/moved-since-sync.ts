import { aclKey } from '../domain/access.ts'
import type { PartitionKey } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { GroupSync } from '../domain/moved-groups.ts'
import { stageRank } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { type Strayed, type StrayedOnSource, strayedOnSource } from '../domain/strayed.ts'
import type { Commits } from './sync-positions.ts'

/**
 * Where a group has committed on the source since its sync: its position on the target is no longer that of its next unread record there. Not
 * where it has no position any more, as that expires where nobody reads, nor where a rollback has put it. Pure.
 */
export const movedOnSource = (
  state: Pick<MigrationState, 'marks' | 'seals' | 'returns'>,
  sync: GroupSync,
  here?: Commits,
): StrayedOnSource | undefined => {
  for (const strayed of strayedOnSource(state, sync, here)) return strayed
  return undefined
}

/** Where the commits of a group on the target are not exactly what the sync wrote. Pure. */
export const touchedOnTarget = (
  state: Pick<MigrationState, 'marks' | 'seals'>,
  sync: GroupSync,
  there: Commits = new Map(),
): Strayed | undefined => {
  const { marks } = placesOf(state)
  for (const key of new Set([...sync.positions.keys(), ...there.keys()])) {
    const synced = sync.positions.get(key)?.target
    const now = there.get(key)?.offset
    // A run that died may have written it, or not.
    if (now !== undefined && now === sync.adding?.get(key)?.target) continue
    if (now !== synced && marks.has(key)) return { key, synced, now }
  }
  return undefined
}

/** Positions of a sync that are not on the target any more: they expired, or somebody has deleted them. Pure. */
export const goneFromTarget = (
  state: Pick<MigrationState, 'marks' | 'seals'>,
  sync: GroupSync,
  there: Commits,
): readonly PartitionKey[] => {
  const { marks } = placesOf(state)
  return [...sync.positions.keys()].filter((key) => marks.has(key) && !there.has(key))
}

/** True if Ferry has made, or was about to make, an ACL that lets consumers of the migration read on the target. */
export const isLetIn = (
  { access }: Pick<Migration, 'access'>,
  { grants }: Pick<MigrationState, 'grants'>,
): boolean => {
  const made = new Set(grants.map(aclKey))
  return access.some(({ afterSync }) => afterSync.some((acl) => made.has(aclKey(acl))))
}

/** True once the consumers live on the target: what is committed on the source no longer says where they are. */
export const liveOnTarget = (
  migration: Pick<Migration, 'access' | 'order'>,
  state: Pick<MigrationState, 'grants' | 'stage'>,
): boolean => {
  const rank = stageRank(state.stage, migration.order)
  const moved = stageRank('consumers-moved', migration.order)
  return rank > moved || (rank === moved && isLetIn(migration, state))
}
