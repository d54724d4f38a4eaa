import type { AcceptedGap } from './accepted-gap.ts'
import { type AclBinding, aclKey } from './access.ts'
import type { Cleaned } from './cleaned.ts'
import type { Managed } from './drift.ts'
import type { Emptied, PartitionEnd } from './emptied.ts'
import type { ClusterId, PartitionKey, SourceOffset, TargetOffset, TopicName } from './ids.ts'
import type { Mark, Seal } from './mark.ts'
import type { RemovedObject, ScramMechanism } from './migration.ts'
import type { GroupReturn, GroupSync } from './moved-groups.ts'
import type { Protectable } from './protectable.ts'
import type { Receipt, ReceiptPartition } from './receipt.ts'
import type { ReachedStage } from './stage.ts'

/** A key that is added, dropped or means something else needs the next number, unless this one is in no release yet: see `state/format-ladder.ts`. */
export const STATE_FORMAT_VERSION = 2

/**
 * The decisions of one migration: what cannot be read back from the clusters. Its serial grows with every change and is part of a
 * plan's fingerprint. Offsets are bigint in memory and decimal strings in the store.
 */
export interface MigrationState {
  readonly formatVersion: typeof STATE_FORMAT_VERSION
  readonly migration: string
  /** Random, made at the first write: tells two states of the same name apart. */
  readonly lineage: string
  readonly serial: number
  readonly stage: ReachedStage
  readonly clusters: { readonly source: ClusterId; readonly target: ClusterId } | null
  /** The last plan that ran: `open` until all its steps are done. */
  readonly plan: { readonly digest: string; readonly status: 'open' | 'done' } | null
  /** Topics that Ferry created, or has asked for. */
  readonly createdTopics: readonly TopicName[]
  /** Of those, what was asked for and not yet answered: whether the topic is Ferry's own is looked at before anything rests on it. Absent: none. */
  readonly creating?: readonly AskedTopic[]
  /** Producer ids taken for a topic before its mark was made, so that a crash during prime can tell its own filler. */
  readonly markIntents: readonly MarkIntent[]
  readonly marks: readonly Mark[]
  readonly seals: readonly Seal[]
  /**
   * Seals that are stored so that every mirror lets go, and that nobody may rely on yet: they become seals once the lock of the partitions was
   * had and both ends were the same still, and are taken back otherwise, also by the next run after a crash. Absent: none.
   */
  readonly sealing?: readonly Seal[]
  /** Late records that were, or are being, appended to the target after the seal. */
  readonly salvages: readonly Salvage[]
  /** Late records that retention of the source took before they were salvaged, or of which nobody can tell whether they were: given up by name. */
  readonly lost: readonly LostRange[]
  /** What no plan may delete. */
  readonly protected: readonly Protectable[]
  /** What `removed` took from the target and a rollback can put back. */
  readonly removals: readonly Removal[]
  /** Ranges that are not on the target because somebody said that it goes on without them. */
  readonly acceptedGaps: readonly AcceptedGap[]
  readonly syncs: readonly GroupSync[]
  /** ACLs that Ferry created, or has asked for: the only ones that a rollback may remove. */
  readonly grants: readonly AclBinding[]
  /** Of those, what was asked for and not answered: of one that is there nobody can tell who made it. Absent: none. */
  readonly granting?: readonly AclBinding[]
  readonly users: readonly RecordedUser[]
  /** The rates that users had before Ferry first set them; null: none. */
  readonly quotasBefore: readonly QuotaBefore[]
  /** Of topics that Ferry did not make: the overrides that it changed, as they were before it first did. Null: no override. */
  readonly configsBefore: readonly ConfigsBefore[]
  /** Topics whose mark was taken back and that are still to be emptied. */
  readonly purges: readonly Purge[]
  /** Topics that were emptied, until they are marked anew. Absent: none. */
  readonly emptied?: readonly Emptied[]
  /** Copies at which a cleaner may have been. Absent: none. */
  readonly cleaned?: readonly Cleaned[]
  /** The way back of sealed topics. */
  readonly reverse: Reverse
  /** Groups that were put back to the source, with what they had there before. */
  readonly returns: readonly GroupReturn[]
  /** What the clusters were at the end of the last apply, for `ferry drift`; null: it was killed, or there was none. */
  readonly seen: SeenFacts | null
  /** What was moved; written once, when the migration is retired. */
  readonly receipt?: Receipt
  /** Partitions of the receipt that is being made: reading a large copy again would take hours. */
  readonly receiptParts?: readonly ReceiptPartition[]
}

/** A SCRAM credential that Ferry has set. */
export interface RecordedUser {
  readonly name: string
  readonly mechanism: ScramMechanism
  readonly passwordVersion: number
  /** True if there was no such credential before, and Ferry's was answered: only then a rollback removes it. */
  readonly made: boolean
  /** There was none, one was asked for, and no answer came: of one that is there nobody can tell who made it. Absent: false. */
  readonly asked?: boolean
}

/** A topic as it was asked for. Replication factor -1: the cluster's default. */
export interface AskedTopic {
  readonly topic: TopicName
  readonly partitions: number
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

/** The decisions once it is known who made a topic. */
export const withoutCreating = (
  { creating = [], ...state }: MigrationState,
  topic: TopicName,
): MigrationState => {
  const left = creating.filter((asked) => asked.topic !== topic)
  return left.length === 0 ? state : { ...state, creating: left }
}

/** The same of a topic that Ferry has not made. */
export const withoutCreated = (state: MigrationState, topic: TopicName): MigrationState => ({
  ...withoutCreating(state, topic),
  createdTopics: state.createdTopics.filter((each) => each !== topic),
})

/** The decisions without ACLs, by {@link aclKey}, that Ferry has not made, or has taken away. */
export const withoutGrants = (
  { granting = [], ...state }: MigrationState,
  gone: ReadonlySet<string>,
): MigrationState =>
  withGranting(
    { ...state, grants: state.grants.filter((acl) => !gone.has(aclKey(acl))) },
    granting.filter((acl) => !gone.has(aclKey(acl))),
  )

/** The decisions with just these ACLs asked for and not answered. */
export const withGranting = (
  { granting: _before, ...state }: MigrationState,
  granting: readonly AclBinding[],
): MigrationState => (granting.length === 0 ? state : { ...state, granting })

export interface Removal {
  readonly object: Extract<RemovedObject, { kind: 'acl' | 'group' }>
  /** Of a group: its positions; empty for an ACL. */
  readonly commits: ReadonlyMap<
    PartitionKey,
    { readonly offset: bigint; readonly metadata: string }
  >
}

/**
 * What producers have written to the target since the seal is mirrored back to the source. Marks and seals as those of the way there, with
 * the clusters swapped: in them, source is the target.
 */
export interface Reverse {
  readonly marks: readonly Mark[]
  readonly seals: readonly Seal[]
  readonly sealing?: readonly Seal[]
  /**
   * Where a way back has ended, what was seen there to be the mirror's own behind what it had looked at itself: of that nothing came late,
   * also once retention has taken it. Absent: nothing.
   */
  readonly own?: readonly SourceRange[]
}

/** Offsets of one partition of the source. */
export interface SourceRange {
  readonly topic: TopicName
  readonly partition: number
  readonly from: SourceOffset
  /** Exclusive. */
  readonly to: SourceOffset
}

export const NO_REVERSE: Reverse = { marks: [], seals: [] }

export interface SeenFacts {
  readonly at: string
  /** True where the overrides of source topics are among the facts; older versions left them out, and did not write this. */
  readonly sourceConfigs?: boolean
  readonly managed: Managed
  readonly facts: ReadonlyMap<string, string>
}

/** Null: there was none. Absent: Ferry has not set this rate, whoever else does. */
export interface QuotaBefore {
  readonly user: string
  readonly producerByteRate?: number | null
  readonly consumerByteRate?: number | null
}

export interface ConfigsBefore {
  readonly topic: TopicName
  /** Absent: the broker has none (before 2.8), or an older version wrote it. */
  readonly topicId?: string
  readonly was: ReadonlyMap<string, string | null>
}

/** What the target holds of these marks, and of filler that a prime had begun, is Ferry's own. */
export interface Purge {
  readonly topic: TopicName
  readonly marks: readonly Mark[]
  readonly intent: MarkIntent | null
  /** Where the log of each partition must end: up to there what others wrote was mirrored back, too. Absent: others wrote nothing. */
  readonly copiedBackTo?: readonly PartitionEnd[]
}

export interface MarkIntent {
  readonly topic: TopicName
  readonly mode: 'identical' | 'dense'
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly fillerProducerId: bigint
  readonly fillerProducerEpoch: number
}

/** A range of source records that came after the seal, appended to the target by `ferry salvage`. `pending` is written before the first. */
export interface Salvage {
  readonly topic: TopicName
  readonly partition: number
  readonly from: SourceOffset
  /** Exclusive. */
  readonly to: SourceOffset
  readonly status: 'pending' | 'done'
  /** Of these records alone: what an attempt has appended is told by it. */
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The target's log end before the first attempt: nothing of it is below. */
  readonly targetFrom: TargetOffset
  /**
   * The last batch that was sent, written before it: how much of this producer's is on the target tells where the next one begins. Of a done one:
   * the batch at which an attempt had broken off, if any.
   */
  readonly sent?: SentBatch
  readonly at: string
}

export interface SentBatch {
  /** Records of the salvage before it. */
  readonly place: number
  readonly records: number
  /** Source offset of its first record, and the one after its last. */
  readonly from: SourceOffset
  readonly to: SourceOffset
}

/** A range of source records that are on no cluster any more, or may not be, and that somebody who may decide so has given up. */
export interface LostRange {
  readonly topic: TopicName
  readonly partition: number
  readonly from: SourceOffset
  /** Exclusive. */
  readonly to: SourceOffset
  /** True: between what was mirrored back, and gone before anybody saw who wrote it. Whether a record of it came late is not known. */
  readonly unseen: boolean
  /**
   * True: a salvage sent it and broke off, and the target's retention or cleaner has been there since: whether it was appended is not known.
   * Absent: it was not.
   */
  readonly unsure?: boolean
  readonly by: { readonly user: string; readonly host: string }
  readonly at: string
  /** Given up, but what is the mirror's own on the way back that it may have ended is not written down yet. Absent: it is. */
  readonly pending?: boolean
}

export const emptyState = (migration: string, lineage: string): MigrationState => ({
  formatVersion: STATE_FORMAT_VERSION,
  migration,
  lineage,
  serial: 0,
  stage: 'nothing',
  clusters: null,
  plan: null,
  createdTopics: [],
  markIntents: [],
  marks: [],
  seals: [],
  acceptedGaps: [],
  salvages: [],
  lost: [],
  protected: [],
  removals: [],
  syncs: [],
  grants: [],
  users: [],
  quotasBefore: [],
  configsBefore: [],
  purges: [],
  reverse: NO_REVERSE,
  returns: [],
  seen: null,
})
