import type { ClusterId, SourceOffset, TargetOffset, TopicName } from './ids.ts'

/**
 * Where mirroring of one partition began. Written once, before the first record is copied; never changed, only superseded by a resync.
 * For `identical`, `targetStart` equals `sourceStart`: the partition was primed up to it.
 */
export interface Mark {
  readonly topic: TopicName
  readonly partition: number
  readonly sourceCluster: ClusterId
  readonly targetCluster: ClusterId
  /** Brokers before 2.8 have no topic ids. */
  readonly sourceTopicId?: string
  readonly targetTopicId?: string
  readonly sourceStart: SourceOffset
  readonly targetStart: TargetOffset
  readonly mode: 'identical' | 'dense'
  /** The idempotent producer of every mirrored batch. One per mark: a resync takes a new one. Shared by the partitions of a topic: sequences are per partition. */
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The producer of filler (prime); tells filler from records by batch headers alone. */
  readonly fillerProducerId: bigint
  /** ISO 8601 with zone. */
  readonly at: string
  /** Of the way back: the seal's, after which all came that is mirrored back. Older versions did not write it: it is filled in where the state is read, from that seal. */
  readonly since?: string
  /**
   * Set where the target is mirrored back to the source: what is called source here is the target, and the other way round. Below
   * `targetStart` lie records then, never filler, and nothing is ever deleted.
   */
  readonly way?: 'reverse'
}

/**
 * Whether nothing below the mark may be read on the target: filler of a prime, or an earlier copy that was emptied, to be deleted where a crash
 * brings it back. A mark is made where a log begins and ends, so nothing else can be there.
 */
export const hidesBelow = ({ targetStart, way }: Pick<Mark, 'targetStart' | 'way'>): boolean =>
  targetStart > 0n && way === undefined

/** Whether a topic is another one than it was; without ids nobody can tell. */
export const isOther = (was: string | undefined, is: string | undefined): boolean =>
  was !== undefined && is !== undefined && was !== is

/** The end of mirroring a partition: every source record below `sourceEnd` is on the target, below `targetEnd`. */
export interface Seal {
  readonly topic: TopicName
  readonly partition: number
  readonly sourceEnd: SourceOffset
  readonly targetEnd: TargetOffset
  readonly at: string
}
