import type { SourceOffset, TargetOffset } from './ids.ts'
import { type OffsetIndex, targetAt } from './offset-index.ts'

/** Source offsets `from` to `to` (exclusive), each of which holds a mirrored record; the first is at `target` on the target, the others follow. */
export interface IndexRun {
  readonly from: SourceOffset
  readonly to: SourceOffset
  readonly target: TargetOffset
}

/** The whole offset index of a partition as runs of records without gaps, ascending. */
export function* runsOf(index: OffsetIndex): Generator<IndexRun> {
  const { mark, gaps, mirroredTo, diverged } = index
  let from: bigint = mark.sourceStart
  const cut = diverged == null ? undefined : (diverged.source as bigint)
  function* run(to: bigint): Generator<IndexRun> {
    // Where identical offsets ended, a run of the source is two on the target.
    const ends = cut !== undefined && from < cut && cut < to ? [cut, to] : [to]
    for (const end of ends) {
      if (end <= from) continue
      const start = from as SourceOffset
      yield { from: start, to: end as SourceOffset, target: targetAt(index, start) }
      from = end
    }
  }
  for (const gap of gaps) {
    if (gap.from >= mirroredTo) break
    yield* run(gap.from)
    from = gap.to
  }
  yield* run(mirroredTo)
}
