import type { Rank, SourceOffset } from '../domain/ids.ts'
import { expectedTargetEnd, type OffsetIndex, rankOf, targetAt } from '../domain/offset-index.ts'
import type { ReceiptBlock } from '../domain/receipt.ts'
import { exact } from './translator.ts'

/** Where a block is on both sides. */
export type BlockPlace = Pick<ReceiptBlock, 'sourceFrom' | 'sourceTo' | 'targetFrom' | 'targetTo'>

/** So many blocks of a partition at least, so that what retention leaves of it can still be checked. */
const MOST_BLOCKS = 16
const LEAST_BLOCKS = 4
/** Of a whole receipt, about: it must stay a file that people can keep. */
const BLOCKS_OF_ALL = 4096

/** How many blocks each of so many partitions gets at most. */
export const blocksEach = (partitions: number): number =>
  Math.max(LEAST_BLOCKS, Math.min(MOST_BLOCKS, Math.floor(BLOCKS_OF_ALL / partitions)))

/** Divides the mirrored records from a source offset on into blocks of as many records each (a power of two), up to the seal. */
export const blocksOf = (
  index: OffsetIndex,
  sourceFrom: SourceOffset,
  most: number,
): readonly BlockPlace[] => {
  const first = rankOf(index, sourceFrom)
  const end = rankOf(index, index.mirroredTo)
  if (first >= end) return []
  const step = BigInt(2 ** Math.ceil(Math.log2(Math.max(1, Number(end - first) / most))))
  const places: BlockPlace[] = []
  let from = sourceFrom
  for (let rank = first + step; ; rank += step) {
    const isLast = rank >= end
    const to = isLast ? index.mirroredTo : sourceOfRank(index, rank as Rank)
    places.push({
      sourceFrom: exact(from),
      sourceTo: exact(to),
      targetFrom: exact(targetAt(index, from)),
      targetTo: exact(isLast ? expectedTargetEnd(index) : targetAt(index, to)),
    })
    if (isLast) return places
    from = to
  }
}

const sourceOfRank = ({ mark, gaps }: OffsetIndex, rank: Rank): SourceOffset =>
  BigInt(gaps.offsetOfRank(Number(mark.sourceStart), Number(rank))) as SourceOffset

/** Records that were mirrored from the offsets of a block. */
export const ranksIn = (index: OffsetIndex, { sourceFrom, sourceTo }: BlockPlace): number =>
  exact(
    rankOf(index, BigInt(sourceTo) as SourceOffset) -
      rankOf(index, BigInt(sourceFrom) as SourceOffset),
  )
