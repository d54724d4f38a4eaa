import type { GapList, GapRange } from './gap-list.ts'
import type { Rank, SourceOffset, TargetOffset } from './ids.ts'
import type { Mark, Seal } from './mark.ts'

export { type Gap, GapList } from './gap-list.ts'

/**
 * Where identical offsets ended: a control marker too many stands on the target, which nothing can take back, or a gap was accepted that
 * is too large to be padded. From `source` on records follow each other without holes, as dense ones do, beginning at `target`.
 */
export interface Divergence {
  readonly source: SourceOffset
  readonly target: TargetOffset
}

/**
 * What maps the source offsets of one partition to ranks and target offsets. It knows the mark, every gap, and how far the mirror is;
 * nothing in it grows with the number of records.
 */
export interface OffsetIndex {
  readonly mark: Mark
  /** All at or above the mark. They may reach above `mirroredTo`: gaps are known before what follows them is copied. */
  readonly gaps: GapList
  /** The next source offset that the mirror will copy: everything below it is mirrored or a gap. */
  readonly mirroredTo: SourceOffset
  readonly diverged?: Divergence | null
  /** Gaps by decision (`--accept-gap`): there alone the source may still hold something that is not on the target. */
  readonly accepted?: readonly GapRange[]
}

/** The parts of an index that do not move with the mirror. */
export type OffsetMap = Omit<OffsetIndex, 'mirroredTo'>

/** Where records without holes begin on the target, and their source offset there; undefined where offsets are identical. */
const denseFrom = (
  { mark, diverged }: OffsetMap,
  source: bigint,
): { readonly source: bigint; readonly target: bigint } | undefined => {
  if (mark.mode === 'dense') return { source: mark.sourceStart, target: mark.targetStart }
  return diverged != null && source >= diverged.source ? diverged : undefined
}

/** How many records with a source offset below `offset` were mirrored: the rank of the first record at or after it. */
export const rankOf = ({ mark, gaps }: OffsetMap, offset: SourceOffset): Rank => {
  const from = offset < mark.sourceStart ? mark.sourceStart : offset
  return (from - mark.sourceStart - BigInt(gaps.missingBelow(Number(from)))) as Rank
}

/** The gap that holds this source offset, as far as it is mirrored. */
export const gapAt = (
  { gaps, mirroredTo }: OffsetIndex,
  offset: SourceOffset,
): { readonly from: SourceOffset; readonly to: SourceOffset } | undefined => {
  if (offset < 0n || offset >= mirroredTo) return undefined
  const gap = gaps.at(Number(offset))
  if (gap === undefined) return undefined
  const to = BigInt(gap.to)
  return {
    from: BigInt(gap.from) as SourceOffset,
    to: (to < mirroredTo ? to : mirroredTo) as SourceOffset,
  }
}

/**
 * The target offset of the first mirrored record at or after a source offset from the mark on; where none is there yet, the offset that
 * the next one will have, which for identical offsets lies behind the hole.
 */
export const targetAt = (index: OffsetIndex, offset: SourceOffset): TargetOffset => {
  const start = denseFrom(index, offset)
  if (start === undefined) {
    const found = (gapAt(index, offset)?.to ?? offset) as bigint
    const { diverged } = index
    // A hole that reaches to the divergence ends where the first record behind it stands.
    return (diverged != null && found >= diverged.source ? diverged.target : found) as TargetOffset
  }
  const ranks = rankOf(index, offset) - rankOf(index, start.source as SourceOffset)
  return (start.target + ranks) as TargetOffset
}

/** The target's log end if it holds exactly what was mirrored. */
export const expectedTargetEnd = (index: OffsetIndex): TargetOffset =>
  targetAt(index, index.mirroredTo)

/** The source offset of the last mirrored record below `offset`; undefined where there is none. */
export const lastMirroredBelow = (
  index: OffsetIndex,
  offset: SourceOffset,
): SourceOffset | undefined => {
  const below = offset < index.mirroredTo ? offset : index.mirroredTo
  const before = (below - 1n) as SourceOffset
  if (before < index.mark.sourceStart) return undefined
  const found = (gapAt(index, before)?.from ?? below) - 1n
  return found < index.mark.sourceStart ? undefined : (found as SourceOffset)
}

/**
 * How far the source was mirrored if the target's log ends at `targetEnd` and holds nothing but what was mirrored: the inverse of
 * {@link expectedTargetEnd}. Where a known gap begins there, its end, because nothing in a gap is left to copy. It also maps any
 * other target offset back: to the source offset of the record there. Throws RangeError for an end below the mark: then records of
 * the target are gone and nothing follows from it.
 */
export const mirroredToFromTargetEnd = (map: OffsetMap, targetEnd: TargetOffset): SourceOffset => {
  const { mark, gaps, diverged } = map
  if (targetEnd < mark.targetStart) {
    throw new RangeError(`target end ${targetEnd} is below the mark`)
  }
  const isDense = mark.mode === 'dense'
  if (!isDense && diverged == null) return targetEnd as bigint as SourceOffset
  if (!isDense && targetEnd < diverged!.target) {
    // What stands between them is the markers too many.
    const identical = targetEnd as bigint
    return (identical < diverged!.source ? identical : diverged!.source) as SourceOffset
  }
  const first = isDense ? 0n : rankOf(map, diverged!.source)
  const rank = first + targetEnd - (isDense ? mark.targetStart : diverged!.target)
  return BigInt(gaps.offsetOfRank(Number(mark.sourceStart), Number(rank))) as SourceOffset
}

/** The index of a partition: of a sealed one up to its seal, else up to what the target's log end says. Throws RangeError as above. */
export const indexFromEnds = (map: OffsetMap, end: TargetOffset | Seal): OffsetIndex => ({
  ...map,
  mirroredTo: typeof end === 'object' ? end.sourceEnd : mirroredToFromTargetEnd(map, end),
})
