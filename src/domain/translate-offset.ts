import type { SourceOffset, TargetOffset } from './ids.ts'
import { type OffsetIndex, targetAt } from './offset-index.ts'

/**
 * What a source position is on the target.
 * - `at`: the target offset of the first mirrored record at or after it, or, where there is none, the end of what was mirrored.
 * - `below-mark`: it lies below the mark (`lost` records had already expired on the source); the mark's target offset stands for it.
 * - `ahead`: the mirror has not come that far (`missing` offsets); nothing may be committed yet.
 */
export type Translation =
  | { readonly kind: 'at'; readonly target: TargetOffset }
  | { readonly kind: 'below-mark'; readonly target: TargetOffset; readonly lost: bigint }
  | { readonly kind: 'ahead'; readonly missing: bigint }

/**
 * T(o), design section 6: never the target's live log end, never `o` plus a constant.
 * A position at the very end of what was mirrored is the end of the mirrored range.
 */
export const translateOffset = (index: OffsetIndex, offset: SourceOffset): Translation => {
  const { mark, mirroredTo } = index
  if (offset > mirroredTo) return { kind: 'ahead', missing: offset - mirroredTo }
  if (offset < mark.sourceStart) {
    return { kind: 'below-mark', target: mark.targetStart, lost: mark.sourceStart - offset }
  }
  return { kind: 'at', target: targetAt(index, offset) }
}
