import { DEADLINE_AHEAD, SOURCE_HOLDS } from './deadlines.ts'
import { LOG_STARTS_DURABLE } from './durable.ts'
import type { Fact } from './fact.ts'
import {
  COMMITS_STABLE,
  GROUP_EMPTY,
  GROUP_MOVABLE,
  GROUPS_SYNCED,
  MEMBERS_GONE,
  MEMBERS_MOVED,
} from './groups.ts'
import { BELOW_MARK_HIDDEN, MIRROR_LAG, MIRROR_PASSED, MIRROR_SOUND } from './mirror.ts'
import { TRANSACTIONS_ENDED } from './open-transactions.ts'
import {
  COPY_CHECKED,
  NOTHING_LATE_ON_WAY_BACK,
  NOTHING_ONLY_ON_TARGET,
  WAY_BACK_SEALED,
} from './rollback.ts'
import { NOTHING_LATE } from './sealed.ts'
import { COUNTS_EQUAL, NO_FOREIGN_WRITES, PARTITIONS_MARKED, SOURCE_QUIET } from './source.ts'

/** Every fact that apply waits for, or looks at before and after its steps. A gate is made of one or several of them. */
export const FACTS: readonly Fact<never, never>[] = [
  // Groups.
  GROUP_MOVABLE,
  GROUP_EMPTY,
  COMMITS_STABLE,
  MEMBERS_GONE,
  MEMBERS_MOVED,
  GROUPS_SYNCED,
  // The copy.
  MIRROR_SOUND,
  MIRROR_LAG,
  MIRROR_PASSED,
  BELOW_MARK_HIDDEN,
  LOG_STARTS_DURABLE,
  NO_FOREIGN_WRITES,
  COUNTS_EQUAL,
  // Producers.
  PARTITIONS_MARKED,
  SOURCE_QUIET,
  TRANSACTIONS_ENDED,
  NOTHING_LATE,
  // The way back.
  COPY_CHECKED,
  NOTHING_ONLY_ON_TARGET,
  NOTHING_LATE_ON_WAY_BACK,
  WAY_BACK_SEALED,
  // Time.
  DEADLINE_AHEAD,
  SOURCE_HOLDS,
]
