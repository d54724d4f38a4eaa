import { aclKey } from '../domain/access.ts'
import type { Migration } from '../domain/migration.ts'
import type { MigrationState } from '../domain/state.ts'

/** Who counts on ACLs of a cluster: by {@link aclKey}, the names of the migrations. */
export type AclClaims = ReadonlyMap<string, readonly string[]>

/**
 * What a migration's rollback may not take from others. Of two that list the same ACL only the first one makes it; the other finds it there.
 * So it counts what a file lists, whatever was applied of it, and what a state says was made, unless that was rolled back to the beginning.
 * `files` and `states`: those of the other migrations that move to this cluster. Pure.
 */
export const aclClaims = (
  files: readonly Pick<Migration, 'name' | 'access'>[],
  states: readonly Pick<MigrationState, 'migration' | 'stage' | 'grants'>[],
): AclClaims => {
  const claims = new Map<string, Set<string>>()
  const claim = (name: string, key: string) => {
    const names = claims.get(key) ?? new Set()
    claims.set(key, names.add(name))
  }
  for (const { name, access } of files) {
    for (const { atOnce, afterSync, afterSeal } of access) {
      for (const acl of [...atOnce, ...afterSync, ...afterSeal]) claim(name, aclKey(acl))
    }
  }
  for (const { migration, stage, grants } of states) {
    if (stage !== 'nothing') for (const acl of grants) claim(migration, aclKey(acl))
  }
  return new Map([...claims].map(([key, names]) => [key, [...names].sort()]))
}
