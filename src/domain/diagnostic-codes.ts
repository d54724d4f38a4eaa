import { CLUSTER_CODES } from './codes/clusters.ts'
import { FILE_CODES } from './codes/files.ts'
import { GATE_CODES } from './codes/gates.ts'
import { GUARD_CODES } from './codes/guards.ts'
import { INTERNAL_CODES } from './codes/internal.ts'
import { MIRROR_CODES } from './codes/mirror.ts'
import { PLAN_CODES } from './codes/plans.ts'
import { STARTING_CODES } from './codes/starting.ts'
import { SYNC_CODES } from './codes/sync.ts'
import { USAGE_CODES } from './codes/usage.ts'
import { VERIFY_CODES } from './codes/verify.ts'

export type { CodePage } from './codes/page.ts'

/**
 * Every code that Ferry prints, a file per range: 10xx files, 11xx usage, 12xx clusters and connections, 13xx guards at plan time,
 * 14xx plans and state, 15xx gates, 16xx mirror, 17xx sync, 18xx verification, 19xx internal, 20xx starting.
 * Closed: a code is never reused and never changes its meaning.
 */
export const CODES = {
  ...FILE_CODES,
  ...USAGE_CODES,
  ...CLUSTER_CODES,
  ...GUARD_CODES,
  ...PLAN_CODES,
  ...GATE_CODES,
  ...MIRROR_CODES,
  ...SYNC_CODES,
  ...VERIFY_CODES,
  ...INTERNAL_CODES,
  ...STARTING_CODES,
}
