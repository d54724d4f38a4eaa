import type { SourceOffset, TargetOffset } from './ids.ts'
import { expectedTargetEnd, mirroredToFromTargetEnd, type OffsetIndex } from './offset-index.ts'

/**
 * What a target position is on the source.
 * - `at`: the source offset of the record there; at the end of what was mirrored, the end of that on the source.
 * - `beyond`: it lies past what was mirrored, by so many offsets: those records are only on the target.
 */
export type BackTranslation =
  | { readonly kind: 'at'; readonly source: SourceOffset }
  | { readonly kind: 'beyond'; readonly beyond: bigint }

/** The inverse of `translateOffset`: from there the group reads the very records on the source that it would read on the target. */
export const translateBack = (index: OffsetIndex, target: TargetOffset): BackTranslation => {
  const { mark, mirroredTo } = index
  const end = expectedTargetEnd(index)
  if (target > end) return { kind: 'beyond', beyond: target - end }
  if (target === end) return { kind: 'at', source: mirroredTo }
  // Below the mark the target holds nothing: the next record is the first mirrored one.
  if (target < mark.targetStart) return { kind: 'at', source: mark.sourceStart }
  return { kind: 'at', source: mirroredToFromTargetEnd(index, target) }
}
