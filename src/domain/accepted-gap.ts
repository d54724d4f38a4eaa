import { type Diagnostic, type DiagnosticCode, diagnostic } from './diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset, TopicPartition } from './ids.ts'
import { parsePartitionKey, partitionKey } from './ids.ts'
import type { Mark } from './mark.ts'
import type { Divergence } from './offset-index.ts'

/** A range of source offsets of one partition, as `--accept-gap` names it. */
export interface NamedRange extends TopicPartition {
  readonly from: SourceOffset
  /** Exclusive. */
  readonly to: SourceOffset
}

/**
 * How target offsets go on behind an accepted gap: `dense` without a hole, as they were; `padded` with control markers in its place, so
 * that offsets stay identical; `diverged` without a hole from there on, because there would be too many markers.
 */
export type GapOffsets = 'dense' | 'padded' | 'diverged'

/** A group that had not read all of an accepted gap. */
export interface GroupBefore {
  readonly group: GroupId
  /** Where it reads: after it was synced, the target. */
  readonly side: 'source' | 'target'
  /** Offsets of the gap at or behind its position, as a decimal string: each held a record unless it was a marker or compacted. */
  readonly offsets: string
}

/** A range of source offsets whose records are not on the target, because somebody who may decide so has said that it goes on without. */
export interface AcceptedGap extends NamedRange {
  /** Of the mark: a gap of an older mark means nothing. */
  readonly producerId: bigint
  /** Why the partition had stopped there. */
  readonly code: DiagnosticCode
  readonly offsets: GapOffsets
  readonly losing: readonly GroupBefore[]
  readonly at: string
}

/**
 * So many offsets of a gap are padded at most, so that offsets stay identical: about two minutes of a broker's time, and 78 MB of its
 * disk. Of a larger gap the partition is dense from there on.
 */
export const MOST_PADDED = 1_000_000n

/** `orders.events:3:100-149`, both inclusive, as messages name a range. */
export const rangeName = ({ topic, partition, from, to }: NamedRange): string =>
  `${partitionKey(topic, partition)}:${from}-${to - 1n}`

/** The inverse of {@link rangeName}; undefined if it is none. */
export const parseRangeName = (text: string): NamedRange | undefined => {
  const found = /^([^:]+:[0-9]{1,9}):([0-9]{1,16})-([0-9]{1,16})$/.exec(text)
  if (found === null) return undefined
  const [, key = '', first = '', last = ''] = found
  const [from, to] = [BigInt(first), BigInt(last) + 1n]
  if (from >= to) return undefined
  return {
    ...parsePartitionKey(key as PartitionKey),
    from: from as SourceOffset,
    to: to as SourceOffset,
  }
}

/** The command that accepts a range, ready to be run. */
export const acceptCommand = (migration: string, range: NamedRange): string =>
  `ferry resync ${migration} --accept-gap ${rangeName(range)}`

/** Where identical offsets end because of an accepted gap, if they do: what follows stands where the gap would have begun. */
export const divergenceOf = (
  gaps: readonly Pick<AcceptedGap, 'offsets' | 'from' | 'to'>[],
): Divergence | null => {
  const first = gaps.find(({ offsets }) => offsets === 'diverged')
  return first === undefined
    ? null
    : { source: first.to, target: first.from as bigint as Divergence['target'] }
}

/** Those of one mark, in the order of their offsets. */
export const acceptedOf = (
  mark: Pick<Mark, 'topic' | 'partition' | 'producerId'>,
  gaps: readonly AcceptedGap[],
): readonly AcceptedGap[] =>
  gaps
    .filter(
      (gap) =>
        gap.topic === mark.topic &&
        gap.partition === mark.partition &&
        gap.producerId === mark.producerId,
    )
    .sort((one, other) => (one.from < other.from ? -1 : 1))

/** For whoever looks for its records later. */
export const acceptedNote = (gap: AcceptedGap): Diagnostic => {
  const { topic, partition, from, to, losing, at } = gap
  const groups = [...new Set(losing.map(({ group }) => group))].join(', ')
  return diagnostic({
    code: 'FERRY1352',
    severity: 'warning',
    detail: `${partitionKey(topic, partition)}: source offsets ${from} to ${to - 1n} are not on the target; this was accepted on ${at}${groups === '' ? '' : `, and ${groups} had not read all of it`}.`,
    fix: 'Nothing is to be done: it is said so that nobody looks for these records.',
  })
}
