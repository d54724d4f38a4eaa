import { expectedTargetEnd, type OffsetIndex } from '../domain/offset-index.ts'
import { sourceOf } from './compare-records.ts'
import type { KeptRecord } from './decoded-batch.ts'
import { differences, sameRecord } from './finding.ts'
import type { Some } from './read-some.ts'
import { targetOf } from './translator.ts'

/** Why a position is not proved: what the text says after it. */
export interface Refutation {
  readonly code: 'FERRY1808' | 'FERRY1812'
  readonly because: string
}

export const refuted = (because: string): Refutation => ({ code: 'FERRY1812', because })

export const failureOf = ({ stop }: Some, side: 'source' | 'target'): Refutation | undefined => {
  if (stop?.kind === 'failed') {
    return { code: 'FERRY1808', because: `the ${side} could not be read: ${stop.detail}` }
  }
  if (stop?.kind === 'out-of-range' && side === 'target') {
    return refuted(`the target's log starts at ${stop.logStart}, above it`)
  }
  return undefined
}

/** One side's records of what is mirrored. */
export interface Shelf {
  /** Its cleaner may remove single records. */
  readonly compacted: boolean
  /** The first record at or behind an offset, if there is one. */
  first(from: number): Promise<Some>
}

/**
 * What the records behind a position say.
 * - `same`: the next record is the same on both sides.
 * - `cleaned`: a cleaner removed the next one of a side; the first that both have is the same, where the index puts it.
 * - `apart`: a cleaner left none that both have, as far as was looked.
 * - `none`: there are none on either side.
 * - `gone`: the source's retention took them while they were read.
 */
export type Next = 'same' | 'cleaned' | 'apart' | 'none' | 'gone'

/** Cleaners leave what is newest of each key, and mostly the same on both sides: the first in common is near. */
const MOST_LOOKS = 32

/** Walks both sides to the first record that both have. What one of them lacks, its cleaner must have been able to remove. */
export const compareNext = async (
  index: OffsetIndex,
  { source, target }: { readonly source: Shelf; readonly target: Shelf },
  from: { readonly source: number; readonly target: number },
): Promise<Next | Refutation> => {
  let [mine, theirs] = await Promise.all([source.first(from.source), target.first(from.target)])
  for (let look = 1; look <= MOST_LOOKS; look++) {
    if (mine.stop?.kind === 'out-of-range') return 'gone'
    const failed = failureOf(mine, 'source') ?? failureOf(theirs, 'target')
    if (failed !== undefined) return failed
    const [here, there] = [mine.records[0], theirs.records[0]]
    if (here === undefined && there === undefined) return look === 1 ? 'none' : 'apart'
    if (there !== undefined && !isMirrored(index, there.offset)) return unknown(there)
    if (here === undefined) return source.compacted ? 'apart' : unknown(there!)
    const expected = targetOf(index, here.offset)!
    if (there?.offset === expected) {
      return unequal('next', here, there) ?? (look === 1 ? 'same' : 'cleaned')
    }
    const isBehind = there !== undefined && there.offset < expected
    if (!(isBehind ? source : target).compacted) return misplaced(here, expected, there)
    if (there === undefined) return 'apart'
    // What the cleaner of the source removed is still on the target, where the group reads it once more, in order; or the other way round.
    if (isBehind) theirs = await target.first(expected)
    else mine = await source.first(sourceOf(index, there.offset))
  }
  return 'apart'
}

/** By the index a record of the source stands there. */
const isMirrored = (index: OffsetIndex, target: number): boolean =>
  target >= index.mark.targetStart &&
  target < expectedTargetEnd(index) &&
  targetOf(index, sourceOf(index, target)) === target

const unknown = ({ offset }: KeptRecord): Refutation =>
  refuted(`the target has a record at offset ${offset} that the source has not`)

const misplaced = (
  mine: KeptRecord,
  expected: number,
  theirs: KeptRecord | undefined,
): Refutation => {
  const found = theirs === undefined ? 'nothing' : `the record at ${theirs.offset}`
  return refuted(
    `the next record on the source, offset ${mine.offset}, must be at target offset ${expected}; the next on the target is ${found}`,
  )
}

/**
 * The last record of the source before a position, and the first two of the target from where that must be up to the position. `same`: it
 * is the last on both; `cleaned`: the source's cleaner removed what the target has behind it; `apart`: the target's removed it.
 */
export const comparePrevious = (
  index: OffsetIndex,
  {
    source,
    target,
  }: { readonly source: Pick<Shelf, 'compacted'>; readonly target: Pick<Shelf, 'compacted'> },
  mine: KeptRecord,
  theirs: readonly KeptRecord[],
): 'same' | 'cleaned' | 'apart' | Refutation => {
  const [first, second] = theirs
  const expected = targetOf(index, mine.offset)!
  if (first?.offset !== expected) {
    if (target.compacted) return 'apart'
    return refuted(
      `the record before it on the source, offset ${mine.offset}, is not at target offset ${expected}`,
    )
  }
  if (second !== undefined && !(source.compacted && isMirrored(index, second.offset))) {
    return refuted(
      `the target has a record at offset ${second.offset}, between the record before it and the position, that the source has not`,
    )
  }
  return unequal('previous', mine, first) ?? (second === undefined ? 'same' : 'cleaned')
}

const unequal = (
  which: 'next' | 'previous',
  mine: KeptRecord,
  theirs: KeptRecord,
): Refutation | undefined => {
  if (sameRecord(mine, theirs)) return undefined
  const parts = differences(mine, theirs).join(', ')
  return refuted(
    `the ${which} record, offset ${mine.offset} on the source and ${theirs.offset} on the target, is not the same: ${parts}`,
  )
}
