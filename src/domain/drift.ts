import type { GroupId, TopicName } from './ids.ts'
import type { ScramMechanism } from './migration.ts'

/** What a migration managed when facts about it were written down, by name: what its file manages more or less since is no drift. */
export interface Managed {
  readonly topics: readonly TopicName[]
  readonly groups: readonly GroupId[]
  /** Whose ACLs. */
  readonly principals: readonly string[]
  readonly users: readonly { readonly name: string; readonly mechanism: ScramMechanism }[]
  /** Users whose rates. */
  readonly quotas: readonly string[]
  /** What it was to remove, by `removedKey`. Absent: an older version did not write it down. */
  readonly removed?: readonly string[]
}

/** One fact that somebody else than Ferry has changed. */
export interface Drifted {
  readonly what: string
  /** Null: it was not there. */
  readonly was: string | null
  /** Null: it is gone. */
  readonly is: string | null
}
