import type { Mark } from './mark.ts'
import type { Rank, SourceOffset, TargetOffset } from './ids.ts'

/** A run of source offsets that hold no mirrored record: markers, aborted or compacted records. `from` is inclusive, `to` exclusive. */
export interface Gap {
  readonly from: SourceOffset
  readonly to: SourceOffset
}

/**
 * What maps the source offsets of one partition to ranks and target offsets. It knows the mark, every gap, and how far the mirror is;
 * nothing in it grows with the number of records.
 */
export interface OffsetIndex {
  readonly mark: Mark
  /** Ascending, disjoint, not touching, all within [mark.sourceStart, mirroredTo). */
  readonly gaps: readonly Gap[]
  /** The next source offset that the mirror will copy: everything below it is mirrored or a gap. */
  readonly mirroredTo: SourceOffset
}

/** How many offsets below `offset` (and at or above the mark) are in gaps. */
const missingBelow = (index: OffsetIndex, offset: bigint): bigint => {
  let missing = 0n
  for (const gap of index.gaps) {
    if (gap.from >= offset) break
    missing += (gap.to < offset ? gap.to : offset) - gap.from
  }
  return missing
}

/** How many records with a source offset below `offset` were mirrored: the rank of the first record at or after it. */
export const rankOf = (index: OffsetIndex, offset: SourceOffset): Rank => {
  const from = offset < index.mark.sourceStart ? index.mark.sourceStart : offset
  return (from - index.mark.sourceStart - missingBelow(index, from)) as Rank
}

/** The target's log end if it holds exactly what was mirrored. */
export const expectedTargetEnd = (index: OffsetIndex): TargetOffset =>
  (index.mark.mode === 'identical'
    ? (index.mirroredTo as bigint)
    : index.mark.targetStart + rankOf(index, index.mirroredTo)) as TargetOffset
