import type { Rank, SourceOffset, TargetOffset } from './ids.ts'
import type { Mark, Seal } from './mark.ts'

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
  /**
   * Ascending, disjoint, not touching, all within [mark.sourceStart, mirroredTo). A list that was asked about once must not be
   * changed in place: its sums are kept.
   */
  readonly gaps: readonly Gap[]
  /** The next source offset that the mirror will copy: everything below it is mirrored or a gap. */
  readonly mirroredTo: SourceOffset
}

/** For each gap how many offsets are in the gaps before it, and in all of them at the end. Kept per list: a lookup is a binary search. */
const sumsByGaps = new WeakMap<readonly Gap[], readonly bigint[]>()

const sumsOf = (gaps: readonly Gap[]): readonly bigint[] => {
  const known = sumsByGaps.get(gaps)
  if (known !== undefined) return known
  const sums = [0n]
  let sum = 0n
  for (const gap of gaps) {
    sum += gap.to - gap.from
    sums.push(sum)
  }
  sumsByGaps.set(gaps, sums)
  return sums
}

/** How many gaps at the front of the list the test holds for: it must hold for a first part of the list and for nothing after. */
const countWhile = (gaps: readonly Gap[], holds: (gap: Gap, place: number) => boolean): number => {
  let low = 0
  let high = gaps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(gaps[middle]!, middle)) low = middle + 1
    else high = middle
  }
  return low
}

/** How many offsets below `offset` (and at or above the mark) are in gaps. */
const missingBelow = ({ gaps }: OffsetIndex, offset: bigint): bigint => {
  const before = countWhile(gaps, (gap) => gap.to <= offset)
  const next = gaps[before]
  const sum = sumsOf(gaps)[before]!
  return next !== undefined && next.from < offset ? sum + offset - next.from : sum
}

/** The gap that holds this source offset. */
export const gapAt = ({ gaps }: OffsetIndex, offset: SourceOffset): Gap | undefined => {
  const gap = gaps[countWhile(gaps, ({ to }) => to <= offset)]
  return gap !== undefined && gap.from <= offset ? gap : undefined
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
 * other target offset back: to the source offset of the record there. `gaps` may reach further than the target does (a target
 * that lost its end). Throws RangeError for an end below the mark: then records of the target are gone and nothing follows from it.
 */
export const mirroredToFromTargetEnd = (
  mark: Mark,
  gaps: readonly Gap[],
  targetEnd: TargetOffset,
): SourceOffset => {
  const rank = targetEnd - mark.targetStart
  if (rank < 0n) throw new RangeError(`target end ${targetEnd} is below the mark`)
  if (mark.mode === 'identical') return targetEnd as bigint as SourceOffset
  const sums = sumsOf(gaps)
  // The rank at which gap i begins grows with i, as gaps do not touch.
  const passed = countWhile(gaps, (gap, i) => gap.from - mark.sourceStart - sums[i]! <= rank)
  return (mark.sourceStart + rank + sums[passed]!) as SourceOffset
}

/** The index of a partition: of a sealed one up to its seal, else up to what the target's log end says. Throws RangeError as above. */
export const indexFromEnds = (
  mark: Mark,
  gaps: readonly Gap[],
  end: TargetOffset | Seal,
): OffsetIndex => {
  const mirroredTo =
    typeof end === 'object' ? end.sourceEnd : mirroredToFromTargetEnd(mark, gaps, end)
  const last = gaps.at(-1)
  if (last === undefined || last.to <= mirroredTo) return { mark, gaps, mirroredTo }
  const kept = gaps
    .filter((gap) => gap.from < mirroredTo)
    .map((gap) => (gap.to <= mirroredTo ? gap : { from: gap.from, to: mirroredTo }))
  return { mark, gaps: kept, mirroredTo }
}
