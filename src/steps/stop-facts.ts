import type { GroupId } from '../domain/ids.ts'
import type { StopNow } from '../mirror/stop-now.ts'

/** What the brokers say now of a partition that stopped. */
export interface StopFacts {
  readonly stop: StopNow
  readonly targetEnd: bigint
  /** All groups with a position there, also those that no plan file names. */
  readonly positions: Readonly<Record<'source' | 'target', ReadonlyMap<GroupId, bigint>>>
}
