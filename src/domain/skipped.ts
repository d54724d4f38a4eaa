import type { PartitionKey } from './ids.ts'
import type { Migration } from './migration.ts'

/** What a group had not read of one partition, and never will on the target: it lies below the mark. */
export interface Skipped {
  readonly key: PartitionKey
  /** The group's position on the source. */
  readonly from: bigint
  /** Where mirroring began. */
  readonly mark: bigint
  /** Offsets that the source still holds. Each has a record unless it is a marker, or was compacted. */
  readonly held: bigint
  /** Those before its log start: no cluster has them any more. */
  readonly gone: bigint
}

/** Undefined: the position is at the mark or behind it. */
export const skippedBelow = (
  key: PartitionKey,
  {
    from,
    mark,
    logStart,
  }: { readonly from: bigint; readonly mark: bigint; readonly logStart: bigint },
): Skipped | undefined => {
  if (from >= mark) return undefined
  const goneTo = logStart <= from ? from : logStart < mark ? logStart : mark
  return { key, from, mark, held: mark - goneTo, gone: goneTo - from }
}

/** Offsets in all. */
export const sumSkipped = (skipped: readonly Skipped[]): bigint =>
  skipped.reduce((sum, { held, gone }) => sum + held + gone, 0n)

/** Whether the file says that records before the mark are not wanted. `committed` says the opposite: no group is to miss any. */
export const leavesOut = ({ mirror: { startFrom } }: Pick<Migration, 'mirror'>): boolean =>
  startFrom === 'latest' || startFrom instanceof Date
