import type { OffsetIndex } from '../domain/offset-index.ts'
import type { ReceiptBlock } from '../domain/receipt.ts'
import { type Side, walkRanges, without } from './compare-records.ts'
import type { BlockDigest } from './digest-blocks.ts'
import type { Finding } from './finding.ts'
import type { BlockPlace } from './receipt-blocks.ts'

/** Of both sides of a block, as far as the target has it: `left-out` is one that retention has taken there. */
type Judged = ReceiptBlock['source'] | 'differs' | 'left-out'

/**
 * What two digests of a block tell. `ranks`: records that were mirrored from it; `cleaned`: the sides whose cleaner may have been there.
 * `compare`: nothing, since a cleaner has left less of it on one side than on the other.
 */
export const judgeBlock = (
  source: BlockDigest,
  target: BlockDigest,
  {
    ranks,
    cleaned,
  }: { readonly ranks: number; readonly cleaned: Readonly<Record<'source' | 'target', boolean>> },
): Judged | 'compare' => {
  // What is missing on a side only a cleaner of that side can have taken.
  const fits = ({ records }: Exclude<BlockDigest, 'gone'>, side: 'source' | 'target') =>
    records === ranks || (records < ranks && cleaned[side])
  if (target === 'gone') return 'left-out'
  if (!fits(target, 'target')) return 'differs'
  if (source === 'gone') return 'gone'
  if (!fits(source, 'source')) return 'differs'
  if (source.sha256 === target.sha256) return 'equal'
  return source.records === ranks && target.records === ranks ? 'differs' : 'compare'
}

export interface BlockToCompare {
  readonly index: OffsetIndex
  readonly place: BlockPlace
  readonly source: Side
  readonly target: Side
  readonly windowBytes: number
}

/** Reads a block once more, in step: the records that both sides still have must be the same, and what one lacks its own cleaner must have taken. */
export const compareBlock = async (
  block: BlockToCompare,
): Promise<Judged | Extract<Finding, { kind: 'unreadable' }>> => {
  const { index, place } = block
  const { topic, partition } = index.mark
  const end = await walkRanges(block, [
    { topic, partition, from: place.sourceFrom, to: place.sourceTo, ...without(index) },
    { topic, partition, from: place.targetFrom, to: place.targetTo },
  ])
  switch (end.kind) {
    case 'done':
      return 'compacted'
    case 'finding':
      return end.finding.kind === 'unreadable' ? end.finding : 'differs'
    case 'unequal':
      return 'differs'
    // Retention was faster than we are.
    case 'source-gone':
      return 'gone'
    case 'target-gone':
      return 'left-out'
  }
}
