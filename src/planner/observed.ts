import type { AclBinding } from '../domain/access.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import {
  type ClusterId,
  type GroupId,
  type PartitionKey,
  parsePartitionKey,
  type TopicName,
} from '../domain/ids.ts'
import { isOther, type Mark } from '../domain/mark.ts'
import type { QuotaSpec, ScramMechanism } from '../domain/migration.ts'
import type { StrandedRange } from '../domain/stranded.ts'
import type {
  ClusterDescription,
  CommitsSeen,
  ConfigEntry,
  GroupDescription,
  TopicDescription,
} from '../kafka/cluster.ts'

/** What the clusters said when they were asked, all of it read in one go. Plain data: the planner sees nothing else of Kafka. */
export interface Observed {
  /** ISO 8601. */
  readonly at: string
  readonly source: ObservedSide
  readonly target: ObservedSide
  /** What the file lists as removed and is still there, by `removedKey`. */
  readonly removed?: ReadonlyMap<string, StillThere>
  /** What somebody else wrote to the source between what was mirrored back, salvaged or not; only where something is mirrored back. */
  readonly lateOnWayBack?: readonly StrandedRange[]
  /** Reads that failed; the planner turns them into blocking problems, never into empty answers. */
  readonly problems: readonly Diagnostic[]
}

/** One thing that is to be removed. */
export interface StillThere {
  /** What goes with it, for people: `12 partitions, 3,000 offsets`. */
  readonly says: string
  /** Of a topic, where the cluster has ids. */
  readonly topicId: string | null
  /** What must be the same when the plan is applied. */
  readonly fixed: string
}

export interface ObservedPartition {
  readonly partition: number
  readonly logStart: bigint
  readonly highWatermark: bigint
  readonly lastStable: bigint
  /** A look at the oldest and the newest batch; only on the source, and null where it is empty or could not be looked at. */
  readonly sample: PartitionSample | null
}

export interface PartitionSample {
  /** When the first record of the oldest batch was written, milliseconds; -1: it has no time. Ages and rates count from there. */
  readonly firstTimestamp: number
  /** Largest timestamp of the oldest batch, milliseconds; -1: it has none. Retention counts from there. */
  readonly headTimestamp: number
  /** What the newest batch is. */
  readonly tail: 'plain' | 'transactional' | 'old-format'
  /** Bytes per record in the newest batch: for estimates only. */
  readonly recordBytes: number
}

export interface ObservedTopic {
  readonly description: TopicDescription
  readonly partitions: readonly ObservedPartition[]
  /** Effective configs; null where the cluster cannot describe them (0.10). */
  readonly configs: ReadonlyMap<string, ConfigEntry> | null
}

export interface ObservedGroup extends CommitsSeen {
  readonly description: GroupDescription
}

export interface ObservedSide {
  readonly name: string
  readonly id: ClusterId
  readonly cluster: ClusterDescription
  /** Of the migration's topics; a topic that does not exist is not in it. */
  readonly topics: ReadonlyMap<TopicName, ObservedTopic>
  /** Those of which the cluster has said that they are not there. One that is in neither could not be described. */
  readonly absentTopics?: ReadonlySet<TopicName>
  /** By a name that does not exist, the topic that was probably meant; only on the source. */
  readonly meantTopics?: ReadonlyMap<TopicName, string>
  readonly groups: ReadonlyMap<GroupId, ObservedGroup>
  readonly brokerConfigs: ReadonlyMap<string, ConfigEntry>
  readonly acls: readonly AclBinding[] | 'no-authorizer' | 'not-read'
  readonly users: ReadonlyMap<string, ReadonlySet<ScramMechanism>>
  readonly quotas: ReadonlyMap<string, Pick<QuotaSpec, 'producerByteRate' | 'consumerByteRate'>>
  /** Before 2.1 a commit expired a day after it was made, in use or not: a missing one means nothing. */
  readonly commitsExpireEarly: boolean
  /** From 0.11 on: what is written to it can be kept from standing there twice. */
  readonly takesIdempotentWrites: boolean
  /** Where holes in offsets can be filled with control markers, as far as that was tried: from 2.8 on. */
  readonly fillsHoles: boolean
  /** Who else uses the topics; only on the source. */
  readonly coverage?: ObservedCoverage
}

/** A partition by its key; undefined where it is not there, or its offsets could not be read. */
export const partitionSeen = (
  { topics }: Pick<ObservedSide, 'topics'>,
  key: PartitionKey,
): ObservedPartition | undefined => {
  const { topic, partition } = parsePartitionKey(key)
  return partitionAt(topics.get(topic), partition)
}

/** The same of one topic. Those that were read stand in their order, and where all were, in their places. */
export const partitionAt = (
  topic: ObservedTopic | undefined,
  partition: number,
): ObservedPartition | undefined => {
  const there = topic?.partitions[partition]
  return there?.partition === partition
    ? there
    : topic?.partitions.find((each) => each.partition === partition)
}

/**
 * What became of a copy that somebody has deleted: its topic is gone, or another one stands in its place. Undefined: it is there, or that
 * could not be seen.
 */
export const lostCopy = (
  { topic, targetTopicId: was }: Pick<Mark, 'topic' | 'targetTopicId'>,
  { target: { topics }, problems }: Pick<Observed, 'target' | 'problems'>,
): 'gone' | 'another' | undefined => {
  const target = topics.get(topic)
  // A topic that could not be described is not among them either.
  if (target === undefined) return problems.length > 0 ? undefined : 'gone'
  return isOther(was, target.description.topicId) ? 'another' : undefined
}

/** Users of the topics as far as the cluster shows them. Null: it cannot tell. */
export interface ObservedCoverage {
  /** Consumer groups with positions on the migration's topics, and all topics that they have positions on. */
  readonly groups:
    | readonly {
        readonly id: GroupId
        readonly topics: readonly TopicName[]
        readonly members: number
      }[]
    | null
  /** Topics named as Streams names its own. */
  readonly internalTopics: readonly TopicName[]
  /** Those whose producers the leaders of the migration's partitions remember. */
  readonly transactionalIds:
    | readonly { readonly id: string; readonly topics: readonly TopicName[] }[]
    | null
  readonly acls: readonly AclBinding[] | null
  /** What could not be read, with the reason. */
  readonly notVisible: readonly string[]
}
