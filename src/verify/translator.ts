import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import { gapAt, type OffsetIndex, rankOf } from '../domain/offset-index.ts'
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

  /** True if all offsets from `first` to `last` (inclusive) are in one run: then {@link target} of one gives the others. */
  inOneRun(first: number, last: number): boolean {
    return this.target(first) >= 0 && last < this.#to
  }

  #find(source: number): number {
    const index = this.#index
    const at = BigInt(source) as SourceOffset
    if (at < index.mark.sourceStart || at >= index.mirroredTo) return -1
    if (gapAt(index, at) !== undefined) return -1
    const { from, to } = runAround(index, at)
    const target =
      index.mark.mode === 'identical' ? BigInt(source) : index.mark.targetStart + rankOf(index, at)
    this.#from = Number(from)
    this.#to = Number(to)
    this.#shift = Number(target) - source
    return source + this.#shift
  }
}

/** The run of mirrored records around one that is in no gap. */
const runAround = (index: OffsetIndex, at: SourceOffset): { from: bigint; to: bigint } => {
  const { gaps } = index
  let low = 0
  let high = gaps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (gaps[middle]!.to <= at) low = middle + 1
    else high = middle
  }
  return {
    from: gaps[low - 1]?.to ?? index.mark.sourceStart,
    to: gaps[low]?.from ?? index.mirroredTo,
  }
}

/** T(o) as a number, also for offsets without a record; undefined if the mirror has not come that far. */
export const targetOf = (index: OffsetIndex, source: number): number | undefined => {
  const found = translateOffset(index, BigInt(source) as SourceOffset)
  return found.kind === 'ahead' ? undefined : Number(found.target)
}

/** A target offset that stands for the same position: where identical offsets have a hole, all of it is one position. */
export const samePosition = (index: OffsetIndex, one: number, other: number): boolean =>
  one === other ||
  (index.mark.mode === 'identical' && pastHole(index, one) === pastHole(index, other))

const pastHole = (index: OffsetIndex, target: number): bigint =>
  gapAt(index, BigInt(target) as SourceOffset)?.to ?? (BigInt(target) as SourceOffset)

/** For `listOffsets` answers and marks. Throws RangeError rather than round. */
export const exact = (offset: bigint | SourceOffset | TargetOffset): number => {
  const number = Number(offset)
  if (!Number.isSafeInteger(number)) throw new RangeError(`offset ${offset} is beyond 2^53`)
  return number
}
