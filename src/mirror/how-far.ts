import type { Divergence } from '../domain/offset-index.ts'
import type { Marked } from './below-mark.ts'
import type { MirroredPartition } from './partition.ts'

/** For whoever looks at what lies below its mark. */
export const markedOf = (p: MirroredPartition): Marked => ({
  key: p.key,
  mark: p.mark,
  copiedTo: checkedToOf(p),
})

export const checkedToOf = (p: MirroredPartition): number =>
  Math.max(p.checkedTo, p.offsets.targetStart)

/** For whoever asks the store: not behind a gap that it does not have yet. Who reads it there would take its offsets for records. */
export const mirroredToOf = (p: MirroredPartition): number => {
  const to = p.offsets.sourceOf(checkedToOf(p))
  const gap = p.offsets.gaps.at(to - 1)
  return gap === undefined ? to : Math.min(to, Math.max(gap.from, p.storedGaps.safeTo))
}

/** Where identical offsets ended. Not before the hole is stored that ended them. */
export const divergedOf = (p: MirroredPartition): Divergence | null => {
  const { diverged } = p.offsets
  if (diverged === null || diverged.target >= diverged.source) return diverged
  return p.storedGaps.safeTo < diverged.source ? null : diverged
}
