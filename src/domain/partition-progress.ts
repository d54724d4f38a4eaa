import { type AcceptedGap, acceptedOf } from './accepted-gap.ts'
import type { Diagnostic } from './diagnostic.ts'
import { GapList } from './gap-list.ts'
import type { Heard } from './heard.ts'
import type { SourceOffset, TargetOffset, TopicName } from './ids.ts'
import type { Mark } from './mark.ts'
import type { Divergence, OffsetMap } from './offset-index.ts'
import type { STATE_FORMAT_VERSION } from './state.ts'

/**
 * What the mirror knows of one partition. Written by whoever holds the partition; all processes that mirror a migration must share one
 * store, since `mayBeInFlight` is what lets a new holder start at once. Without `checkedTo` the target is checked from the mark on, which
 * takes longer; without the gaps nothing tells any more where the records behind a hole went: such a partition stops.
 */
export interface PartitionProgress {
  readonly formatVersion: typeof STATE_FORMAT_VERSION
  readonly topic: TopicName
  readonly partition: number
  /** Absent: of the way from source to target. */
  readonly way?: 'reverse'
  /** Of the mark: progress of an older mark is void. */
  readonly producerId: bigint
  /** Every batch of the target below this was checked to be ours. */
  readonly checkedTo: TargetOffset
  /** Everything below was mirrored or is a gap, as of `checkedTo`. */
  readonly mirroredTo: SourceOffset
  /** Kept apart, see {@link GapChunk}: read with the rest, not written with it. */
  readonly gaps: GapList
  /** Where identical offsets ended. */
  readonly diverged: Divergence | null
  /**
   * True from before the first batch of a holder is sent until everything it sent was answered. A new holder that finds false, or no
   * progress of this mark at all, knows that nothing is still on its way to the target, and need not wait for it.
   */
  readonly mayBeInFlight: boolean
  /** Set while the partition is stopped; the mirror does not go on by itself. */
  readonly problem: Diagnostic | null
  /** Of the way back: absent, nothing more than the seal says. */
  readonly heard?: Heard
  /** Who wrote this, and when. */
  readonly holder: { readonly host: string; readonly pid: number; readonly generation: number }
  readonly at: string
}

/**
 * Two processes took the same generation, as neither had read of the other, and the group counts anew. The first to say so has it; the other one
 * reads that, and takes a higher one. What was written with it, of other partitions, stands.
 */
export class SpokenFor extends Error {
  /** What stands. */
  readonly by: readonly PartitionProgress[]

  /** For at least one partition. */
  constructor(by: readonly PartitionProgress[]) {
    const says = by.map(
      ({ topic, partition, holder: { pid, host, generation } }) =>
        `${topic}:${partition} is held by process ${pid} on ${host} under the same generation ${generation}`,
    )
    super(says.length > 1 ? `${says[0]}, and ${says.length - 1} more` : says[0])
    this.by = by
  }

  /** Whether the word about this partition was refused. */
  isOf(
    of: Pick<PartitionProgress, 'topic' | 'partition'> & { readonly way?: 'reverse' | undefined },
  ): boolean {
    return this.by.some(
      ({ topic, partition, way }) =>
        topic === of.topic && partition === of.partition && way === of.way,
    )
  }
}

/** What maps the offsets of a marked partition, by its progress; progress and gaps of an older mark are void. */
export const offsetMapOf = (
  mark: Mark,
  progress: PartitionProgress | undefined,
  gaps: readonly AcceptedGap[] = [],
): OffsetMap => {
  const ours = progress?.producerId === mark.producerId ? progress : undefined
  const accepted = acceptedOf(mark, gaps)
  return {
    mark,
    gaps: ours?.gaps ?? new GapList(),
    diverged: ours?.diverged ?? null,
    ...(accepted.length > 0 && {
      accepted: accepted.map(({ from, to }) => ({ from: Number(from), to: Number(to) })),
    }),
  }
}

/**
 * What a holder learned of a partition's gaps, added to what is stored. It replaces everything at and above `from`, since a holder that
 * starts over reads the source again from there. No record behind a gap is sent before the gap is stored: whatever the target holds,
 * its place follows from the stored gaps, also when the source's cleaner has removed records since.
 */
export interface GapChunk {
  readonly topic: TopicName
  readonly partition: number
  /** As in the progress. */
  readonly way?: 'reverse'
  /** Of the mark: chunks of an older mark are void. */
  readonly producerId: bigint
  /**
   * Its holder's, who takes a higher one than all before it and says so in the progress first. A chunk of a lower one than a whole one that is
   * stored comes late, and is void. -1: a version wrote it that did not say.
   */
  readonly generation: number
  /** Random, of one holding of the partition. A chunk of another one than the last `isWhole` began with comes late, and is void. */
  readonly tenure: string
  /** Holds all gaps from the mark on, and replaces whatever is stored. The first of a tenure, and now and then to keep the rest short. */
  readonly isWhole: boolean
  readonly from: SourceOffset
  /** `GapList.bytesFrom(from)`. */
  readonly gaps: Uint8Array
}
