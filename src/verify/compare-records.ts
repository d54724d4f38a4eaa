import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import {
  expectedTargetEnd,
  mirroredToFromTargetEnd,
  type OffsetIndex,
  rankOf,
} from '../domain/offset-index.ts'
import { explain, type Finding, LOOKAHEAD } from './finding.ts'
import type { LogReader } from './log-reader.ts'
import type { LogStream, ReadRange } from './log-stream.ts'
import { readFirst } from './read-some.ts'
import { exact, targetOf } from './translator.ts'
import { Walk, type WalkEnd } from './walk.ts'

/** One cluster's copy of the partition. */
export interface Side {
  readonly reader: LogReader
  readonly logStart: number
  /** Its cleaner may remove single records. */
  readonly compacted: boolean
}

export interface RangeToCompare {
  readonly index: OffsetIndex
  readonly source: Side
  readonly target: Side
  /** The final retention is in force on the target: what is gone there is counted, not a problem. */
  readonly sealed: boolean
  /** Read ahead per side. */
  readonly windowBytes: number
}

export interface RangeResult {
  /** Records that were compared and are equal. */
  readonly compared: number
  /** Mirrored records that one side no longer has, by retention or compaction: only counted. */
  readonly gone: number
  /** The first thing that is wrong. */
  readonly finding: Finding | undefined
}

/**
 * Compares every mirrored record that both sides still have: timestamp, key, value, headers, attributes, and that it stands where the
 * offset index says. Stops at the first difference.
 */
export const compareRange = async (range: RangeToCompare): Promise<RangeResult> => {
  const { index, source, target } = range
  const start = exact(index.mark.sourceStart)
  let from = Math.max(start, source.logStart)
  let targetStart = target.logStart
  let compared = 0
  let gone = ranksBetween(index, start, from)
  const found = (finding?: Finding): RangeResult => ({ compared, gone, finding })
  // An index that knows every gap counts exactly. Identical offsets do without, and a cleaner takes records that were counted.
  const isCounted = index.mark.mode === 'dense' && !source.compacted && !target.compacted
  const total = ranksBetween(index, start, exact(index.mirroredTo))
  for (;;) {
    if (from >= index.mirroredTo) return found()
    const expected = targetOf(index, from)!
    if (targetStart > expected) {
      if (!range.sealed) return found({ kind: 'target-gone', target: expected, to: targetStart })
      const next = sourceOf(index, targetStart)
      gone += ranksBetween(index, from, next)
      from = next
      continue
    }
    const end = await walkRanges(range, rangesOf(range, from, expected))
    compared += end.compared
    gone += end.gone
    switch (end.kind) {
      case 'done': {
        const count = total - compared - gone
        return isCounted && count !== 0 ? found({ kind: 'uncounted', count }) : found()
      }
      case 'finding':
        return found(end.finding)
      case 'unequal':
        return found(await explainAt(range, end.source, end.target))
      case 'source-gone':
        // Retention was faster than we are.
        gone += ranksBetween(index, end.offset, end.logStart)
        from = end.logStart
        continue
      case 'target-gone':
        from = sourceOf(index, end.offset)
        targetStart = end.logStart
    }
  }
}

const rangesOf = (
  range: RangeToCompare,
  source: number,
  target: number,
): [ReadRange, ReadRange] => {
  const { topic, partition } = range.index.mark
  return [
    { topic, partition, from: source, to: exact(range.index.mirroredTo), ...without(range.index) },
    { topic, partition, from: target, to: exact(expectedTargetEnd(range.index)) },
  ]
}

/** Walks a range of the source and what of the target belongs to it, up to the first difference. */
export const walkRanges = async (
  range: Pick<RangeToCompare, 'index' | 'source' | 'target' | 'windowBytes'>,
  [sourceRange, targetRange]: readonly [ReadRange, ReadRange],
): Promise<WalkEnd> => {
  const streams: LogStream[] = []
  try {
    streams.push(range.source.reader.read(sourceRange, range.windowBytes))
    streams.push(range.target.reader.read(targetRange, range.windowBytes))
    const compacted = { source: range.source.compacted, target: range.target.compacted }
    return await new Walk(range.index, streams[0]!, streams[1]!, compacted).run()
  } finally {
    for (const stream of streams) stream.close()
  }
}

/** Looks again at the place of a difference, and a little further, to say what it is. */
export const explainAt = async (
  range: Pick<RangeToCompare, 'index' | 'source' | 'target'>,
  source: number,
  target: number,
): Promise<Finding> => {
  const { topic, partition } = range.index.mark
  const sourceRange = {
    topic,
    partition,
    from: source,
    to: exact(range.index.mirroredTo),
    ...without(range.index),
  }
  const targetEnd = exact(expectedTargetEnd(range.index))
  const targetRange = { topic, partition, from: target, to: targetEnd }
  const [mine, theirs] = await Promise.all([
    readFirst(range.source.reader, sourceRange, LOOKAHEAD),
    readFirst(range.target.reader, targetRange, LOOKAHEAD),
  ])
  if (mine.records.length === 0 || theirs.records.length === 0) {
    const side = mine.records.length === 0 ? 'source' : 'target'
    const offset = side === 'source' ? source : target
    return { kind: 'unreadable', side, detail: `offset ${offset} went away while it was read` }
  }
  return explain(mine.records, theirs.records)
}

/** What is passed over where the source is read: gaps by decision, in which it may hold anything. */
export const without = ({ accepted }: OffsetIndex): Pick<ReadRange, 'without'> =>
  accepted === undefined ? {} : { without: accepted }

/** How many records were mirrored from source offsets in [from, to). */
export const ranksBetween = (index: OffsetIndex, from: number, to: number): number => {
  const end = BigInt(to) < index.mirroredTo ? (BigInt(to) as SourceOffset) : index.mirroredTo
  const count = rankOf(index, end) - rankOf(index, BigInt(from) as SourceOffset)
  return count > 0n ? exact(count) : 0
}

/** The source offset of the record at a target offset. */
export const sourceOf = (index: OffsetIndex, target: number): number =>
  exact(mirroredToFromTargetEnd(index, BigInt(target) as TargetOffset))
