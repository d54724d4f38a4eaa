import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import { gapAt, type OffsetIndex, targetAt } from '../domain/offset-index.ts'
import { translateOffset } from '../domain/translate-offset.ts'

/**
 * T(o) for mirrored records in numbers, remembering the run of records without a gap that the last one was in: one addition per record.
 * Source offsets and target offsets are plain numbers in `src/verify/`: fetched ones are, and every border checks for 2^53.
 */
export class Translator {
  readonly #index: OffsetIndex
  #from = 0
  #to = 0
  #shift = 0

  constructor(index: OffsetIndex) {
    this.#index = index
  }

  /** The target offset of the mirrored record at this source offset; -1 if the index has no record there. */
  target(source: number): number {
    if (source >= this.#from && source < this.#to) return source + this.#shift
    return this.#find(source)
  }

  /** Whether the index has a record at this target offset: where offsets are identical it may be a hole. */
  isPlaced(target: number): boolean {
    const { mark, diverged } = this.#index
    const isDense = mark.mode === 'dense' || (diverged != null && target >= Number(diverged.target))
    return isDense || this.target(target) === target
  }

  /** True if all offsets from `first` to `last` (inclusive) are in one run: then {@link target} of one gives the others. */
  inOneRun(first: number, last: number): boolean {
    return this.target(first) >= 0 && last < this.#to
  }

  #find(source: number): number {
    const index = this.#index
    const at = BigInt(source) as SourceOffset
    if (at < index.mark.sourceStart || at >= index.mirroredTo) return -1
    if (gapAt(index, at) !== undefined) return -1
    const run = index.gaps.runAround(source)
    // Where offsets stop to be identical the shift changes, too.
    const ends = index.diverged == null ? -1 : Number(index.diverged.source)
    const start = Number(index.mark.sourceStart)
    this.#from = Math.max(run.from, start, ends <= source ? ends : start)
    this.#to = Math.min(run.to, Number(index.mirroredTo), ends > source ? ends : run.to)
    this.#shift = Number(targetAt(index, at)) - source
    return source + this.#shift
  }
}

/** T(o) as a number, also for offsets without a record; undefined if the mirror has not come that far. */
export const targetOf = (index: OffsetIndex, source: number): number | undefined => {
  const found = translateOffset(index, BigInt(source) as SourceOffset)
  return found.kind === 'ahead' ? undefined : Number(found.target)
}

/** A target offset that stands for the same position: where identical offsets have a hole, all of it is one position. */
export const samePosition = (index: OffsetIndex, one: number, other: number): boolean =>
  one === other || pastHole(index, one) === pastHole(index, other)

/** The record at a target offset, or where a hole is there, the first behind it. */
const pastHole = (index: OffsetIndex, target: number): bigint => {
  const { mark, diverged } = index
  if (mark.mode === 'dense' || (diverged != null && target >= diverged.target)) {
    return BigInt(target)
  }
  return targetAt(index, BigInt(target) as SourceOffset)
}

/** For `listOffsets` answers and marks. Throws RangeError rather than round. */
export const exact = (offset: bigint | SourceOffset | TargetOffset): number => {
  const number = Number(offset)
  if (!Number.isSafeInteger(number)) throw new RangeError(`offset ${offset} is beyond 2^53`)
  return number
}
