import type { GroupId, PartitionKey, SourceOffset, TopicName } from './ids.ts'
import type { SyncedPosition } from './step.ts'

/** `pending` is written before the commit (with what was there before), `done` after the proof. */
export interface GroupSync {
  readonly group: GroupId
  readonly status: 'pending' | 'done'
  /** Which sync it is: partitions that came since are added to it, each with an `at` of its own. */
  readonly at: string
  readonly positions: ReadonlyMap<PartitionKey, SyncedPosition>
  /** How many partitions of each topic were marked then, the first ones: others came since. Absent: all that are. */
  readonly marked?: ReadonlyMap<TopicName, number>
  /** Of partitions that came since: written before their commit, one of `positions` after the proof. The others stay synced meanwhile. */
  readonly adding?: ReadonlyMap<PartitionKey, SyncedPosition>
}

/** When the oldest position of a sync was written: the first one to expire. */
export const oldestWrite = ({ at, positions }: Pick<GroupSync, 'at' | 'positions'>): string =>
  [...positions.values()].reduce<string | undefined>((oldest, position) => {
    const written = position.at ?? at
    return oldest === undefined || written < oldest ? written : oldest
  }, undefined) ?? at

/** When the youngest was: of a sync of which nothing was added or written again, with the sync. */
export const newestWrite = ({ at, positions }: Pick<GroupSync, 'at' | 'positions'>): string =>
  [...positions.values()].reduce(
    (newest, position) =>
      position.at !== undefined && position.at > newest ? position.at : newest,
    at,
  )

/** Whether two are one and the same, which has ended and has written the same positions. */
export const isSameSync = (one: GroupSync, other: GroupSync): boolean =>
  one.group === other.group &&
  one.at === other.at &&
  one.status === 'done' &&
  other.status === 'done' &&
  one.positions.size === other.positions.size &&
  [...one.positions].every(([key, { target }]) => other.positions.get(key)?.target === target)

/** Whether a group was put back since it was synced so: an earlier move is over. Of a return that does not say so, their clocks tell. */
export const takesBack = (
  returned: Pick<GroupReturn, 'group' | 'at' | 'of'>,
  sync: Pick<GroupSync, 'group' | 'at'>,
): boolean =>
  returned.group === sync.group &&
  (returned.of === undefined ? returned.at >= sync.at : returned.of === sync.at)

/** What a sync wrote, or was about to write when it ended, in one partition. */
export const writtenBy = (
  sync: Pick<GroupSync, 'positions' | 'adding'> | undefined,
  key: PartitionKey,
): SyncedPosition | undefined => sync?.positions.get(key) ?? sync?.adding?.get(key)

/** `pending` is written before the commit, `done` after it was read back. */
export interface GroupReturn {
  readonly group: GroupId
  readonly status: 'pending' | 'done'
  readonly at: string
  readonly positions: ReadonlyMap<PartitionKey, ReturnedPosition>
  /** `at` of the sync that it takes back. Absent: it was not synced. */
  readonly of?: string
  /** The {@link sealedWayBack} behind which it was put back. Absent: there was none. */
  readonly behind?: readonly bigint[]
}

export interface ReturnedPosition {
  readonly target: bigint
  readonly source: SourceOffset
  /** What the group had committed on the source before; null: nothing. */
  readonly previous: { readonly offset: bigint; readonly metadata: string } | null
  readonly metadata: string
}
