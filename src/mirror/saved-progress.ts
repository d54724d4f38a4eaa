import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Heard } from '../domain/heard.ts'
import type { Divergence } from '../domain/offset-index.ts'

/** What the store was last told of a partition. */
export interface SavedProgress {
  readonly checkedTo: number
  /** A source offset; it also moves where only holes were read. */
  readonly mirroredTo: number
  readonly inDoubt: boolean
  /** The holder's: who comes next takes a higher one, so that markers of this one are refused. */
  readonly fence: number
  readonly problem: Diagnostic | undefined
  readonly heard: Heard | undefined
  readonly diverged: Divergence | null
}

export const NOTHING_SAVED: SavedProgress = {
  checkedTo: -1,
  mirroredTo: -1,
  inDoubt: false,
  fence: -1,
  problem: undefined,
  heard: undefined,
  diverged: null,
}

export const isSameProgress = (now: SavedProgress, before: SavedProgress): boolean =>
  now.checkedTo === before.checkedTo &&
  now.mirroredTo === before.mirroredTo &&
  now.inDoubt === before.inDoubt &&
  now.fence === before.fence &&
  now.problem === before.problem &&
  isSameHeard(now.heard, before.heard) &&
  now.diverged === before.diverged

/** A moment moves on all the time; told is each hundredth of the time in which it matters. */
const isSameHeard = (now: Heard | undefined, before: Heard | undefined): boolean => {
  if (now === undefined || before === undefined) return now === before
  const moved = Date.parse(now.at) - Date.parse(before.at)
  const isSame =
    now.to === before.to &&
    now.keptMs === before.keptMs &&
    now.isCompacted === before.isCompacted &&
    now.isForgotten === before.isForgotten
  return isSame && moved < now.keptMs / 100
}

/** Whether the store says that something of this very holder may be on its way. */
export const isTold = (p: { readonly saved: SavedProgress; readonly fence: number }): boolean =>
  p.saved.inDoubt && p.saved.fence === p.fence
