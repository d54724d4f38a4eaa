import type { GapOffsets, GroupBefore } from './accepted-gap.ts'
import type { AclBinding } from './access.ts'
import type { DiagnosticCode } from './diagnostic.ts'
import type { GroupId, SourceOffset, TopicName } from './ids.ts'
import type { RemovedObject, ScramMechanism } from './migration.ts'
import type { PartitionList } from './partition-list.ts'
import type { Protectable } from './protectable.ts'
import type { ReachedStage } from './stage.ts'

/** What undoing a step costs. Shown in the plan; the line of no return is drawn above the first `impossible`. */
export interface Undo {
  readonly cost: 'free' | 'restores' | 'copies-back' | 'impossible'
  readonly says: string
}

/** One change that apply makes. Plain JSON data: it is written to the plan file, hashed, shown, and compared with what ran. */
interface StepBase<K extends string> {
  readonly kind: K
  /** Stable within a plan and readable: `create-topic/orders.events`. */
  readonly id: string
  /** The stage that this step leads to: a later one, or in a rollback an earlier one. */
  readonly stage: ReachedStage
  /** A sentence: why this step is in the plan. */
  readonly reason: string
  readonly undo: Undo
}

export interface CreateTopic extends StepBase<'create-topic'> {
  readonly topic: TopicName
  readonly partitions: number
  /** -1: the target's default. */
  readonly replicationFactor: number
  /** Protective configs, valid until the seal. */
  readonly configs: Readonly<Record<string, string>>
  /** What differs from the source, for people: `retention 7d (source: 3d)`. */
  readonly notes: readonly string[]
  /** Something of this name is there since it was asked for and no answer came: whether it is that topic is looked at. */
  readonly wasAsked?: true
}
export interface ConfigureTopic extends StepBase<'configure-topic'> {
  readonly topic: TopicName
  /** Protective until the seal, final after it; `before`: a rollback puts back what there was before Ferry came. */
  readonly phase: 'before' | 'protective' | 'final'
  /** Null removes the override. */
  readonly set: Readonly<Record<string, string | null>>
  /** What is there now, for undo; null: no override. */
  readonly was: Readonly<Record<string, string | null>>
}
export interface SetUser extends StepBase<'set-user'> {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly passwordVersion: number
}
export interface SetQuota extends StepBase<'set-quota'> {
  readonly user: string
  readonly producerByteRate: number | null
  readonly consumerByteRate: number | null
}
export interface GrantAccess extends StepBase<'grant-access'> {
  readonly principal: string
  readonly when: 'at-once' | 'after-sync' | 'after-seal'
  /** Only those that are missing now. */
  readonly acls: readonly AclBinding[]
  readonly says: string
}
export interface MarkTopic extends StepBase<'mark-topic'> {
  readonly topic: TopicName
  readonly partitions: number
  /** Only the partitions from this on: those before are marked. Absent: all. */
  readonly first?: number
  readonly mode: 'identical' | 'dense'
  /** Why this mode. */
  readonly because: string
  /** Offsets to prime over all partitions, as a decimal string: it may pass 2^53. 0 for dense. */
  readonly prime: string
}
export interface MirrorTopic extends StepBase<'mirror-topic'> {
  readonly topic: TopicName
  readonly partitions: number
  /** What is left to copy now, as a decimal string. */
  readonly records: string
  readonly bytesEstimate: number
  readonly lagAllowed: number
  /** Bytes per second; null: none. */
  readonly throttle: number | null
}
export interface VerifyTopic extends StepBase<'verify-topic'> {
  readonly topic: TopicName
  /** Records compared per partition; counts are compared always. */
  readonly sample: number
  /**
   * Milliseconds from the mark: so long, at least, its log starts take to be durable on the brokers, which is waited for; 0: nothing was seen that
   * lies below a mark. Null: the stage was reached before, so they are. Absent in plans of earlier versions.
   */
  readonly durableAfterMs?: number | null
}
export interface SyncGroup extends StepBase<'sync-group'> {
  readonly group: GroupId
  readonly topics: readonly TopicName[]
  /** Partitions of these topics without a commit, and what becomes of them. */
  readonly uncommitted: 'absent' | 'start' | 'end'
  /** The group may be taken back behind a position that it has: it reads those records again. Asked for by name. */
  readonly allowRewind: boolean
  /** Only where it has none on the target: it was synced, and partitions were added since. Absent: all. */
  readonly onlyNew?: boolean
  /** Only where what the sync wrote is gone from the target: it is written again, as the state holds it. Absent: all. */
  readonly onlyGone?: boolean
  /** Positions the group has now, and the partitions it could have. */
  readonly committed: number
  readonly partitions: number
  /** Where it has them: what is gone by the time of the sync was lost on the way. Absent: an older version has made the plan. */
  readonly committedIn?: PartitionList
  /** Offsets below the marks that the group has not read, as a decimal string; absent: none. */
  readonly skipped?: string
  /** Of topics without a mark: it skips what it has not read before this (`the end of the log`, or a time). */
  readonly skipsBefore?: string
}
export interface SealTopic extends StepBase<'seal-topic'> {
  readonly topic: TopicName
  readonly partitions: number
  readonly quietMs: number
  /** What producers write on the target after it cannot be mirrored back to the source. */
  readonly noWayBack?: true
  /** The target will be compacted: its `delete.retention.ms`. How long the way back is exact follows from it, see `heard.ts`. */
  readonly forgetsAfterMs?: number
}
export interface ReopenTopic extends StepBase<'reopen-topic'> {
  readonly topic: TopicName
  /** Records that came after the seal, as a decimal string. */
  readonly late: string
}
export interface Retire extends StepBase<'retire'> {
  readonly topics: readonly TopicName[]
  readonly groups: readonly GroupId[]
}

/** Takes away ACLs on the target: those that Ferry granted. The two that are fences go before all else in a rollback. */
export interface RevokeAccess extends StepBase<'revoke-access'> {
  readonly principal: string
  /** Whom it keeps out: READ on groups, WRITE on topics. Null: neither. */
  readonly fences: 'consumers' | 'producers' | null
  readonly acls: readonly AclBinding[]
  /** What producers have written since the seal goes back to the source by the steps that follow. */
  readonly mirrorsBack?: true
  /** Whose consumers must be gone first, so that none loses what it has read but not yet committed. */
  readonly groups: readonly GroupId[]
}
/** Marks where a sealed topic is mirrored back from, target to source: at the sealed end, and behind what the source holds. */
export interface MarkReverse extends StepBase<'mark-reverse'> {
  readonly topic: TopicName
  readonly partitions: number
  readonly mode: 'identical' | 'dense'
  /** Why this mode; empty: nothing stands against identical offsets. */
  readonly because: string
}
/** Copies what producers have written to the target since the seal to the source. */
export interface MirrorReverse extends StepBase<'mirror-reverse'> {
  readonly topic: TopicName
  readonly partitions: number
  /** Offsets on the target since the seal, as a decimal string. */
  readonly records: string
  /** Bytes per second; null: none. */
  readonly throttle: number | null
  /** In a plan forwards: the rollback that has sealed the topic on the source cannot end, and is given up. */
  readonly givesUpRollback?: true
}
/** Ends the way back of a topic, once the target stands still and all of it is on the source. */
export interface SealReverse extends StepBase<'seal-reverse'> {
  readonly topic: TopicName
  readonly partitions: number
  readonly quietMs: number
}
export interface VerifyReverse extends StepBase<'verify-reverse'> {
  readonly topic: TopicName
}
/** Puts a group that was synced back to the source, at its exact next record: what it read on the target counts. */
export interface ReturnGroup extends StepBase<'return-group'> {
  readonly group: GroupId
  readonly topics: readonly TopicName[]
  /** Positions that it has on the target now. */
  readonly positions: number
  /** Records that it has read there, as a decimal string. */
  readonly consumed: string
}
/** Puts back the commits that a group had on the target before it was synced; deletes those that it had not. */
export interface RestoreGroup extends StepBase<'restore-group'> {
  readonly group: GroupId
  readonly topics: readonly TopicName[]
  readonly restored: number
  readonly deleted: number
}
/** A group, and in how many partitions of a topic it has a position. */
export interface Reader {
  readonly group: GroupId
  readonly positions: number
}
/** Ends the mirroring of a topic for good: its mark is forgotten and the target topic emptied. */
export interface ForgetMark extends StepBase<'forget-mark'> {
  readonly topic: TopicName
  readonly partitions: number
  /**
   * `copy`: only if all of it is the mirror's copy. `copied-back`: also what producers wrote since the seal, all of which was mirrored back.
   * `all`: also what others wrote.
   */
  readonly purge: 'copy' | 'copied-back' | 'all'
  /** What the target holds now, as a decimal string. */
  readonly records: string
  /** Groups of the target that have positions in it, which mean nothing afterwards; and how many. */
  readonly losing: readonly Reader[]
}
/** Goes on behind a range of source offsets that cannot be mirrored, without it: its records are not on the target. */
export interface AcceptGap extends StepBase<'accept-gap'> {
  readonly topic: TopicName
  readonly partition: number
  /** Source offsets, decimal strings; `to` is exclusive. */
  readonly from: string
  readonly to: string
  /** Why the partition stopped there. */
  readonly code: DiagnosticCode
  readonly offsets: GapOffsets
  /** Groups that have not read all of it. */
  readonly losing: readonly GroupBefore[]
}
/** Deletes a topic of the target that Ferry has made, once it is empty. */
export interface DeleteTopic extends StepBase<'delete-topic'> {
  readonly topic: TopicName
  /** So that another topic of this name is never deleted; null where the target has no topic ids. */
  readonly topicId: string | null
}
/** Removes a SCRAM credential that Ferry has made. */
export interface RemoveUser extends StepBase<'remove-user'> {
  readonly user: string
  readonly mechanism: ScramMechanism
}
/** Puts back the rates that a user had before; null: none. A rate that is absent was not Ferry's, and stays as it is. */
export interface RestoreQuota extends StepBase<'restore-quota'> {
  readonly user: string
  readonly producerByteRate?: number | null
  readonly consumerByteRate?: number | null
}
/** Deletes what the file lists as removed, on one of the two clusters. */
export interface RemoveObject extends StepBase<'remove-object'> {
  readonly on: 'source' | 'target'
  readonly object: RemovedObject
  /** What goes with it, for people. */
  readonly there: string
  /** So that another topic of this name is never deleted; null where there is none. */
  readonly topicId: string | null
  /** It is gone; only that Ferry made it is taken out of the state. Absent: it is there. */
  readonly isGone?: boolean
  /** Ferry made it, as its state says: policy.maxDestroy does not count it. */
  readonly ours: boolean
  /** Of the migration: what the source has to lose is deleted only while they live on the target. */
  readonly groups: readonly GroupId[]
  /** The topic to be deleted is one of the migration: it must be sealed, and nothing may have come after. */
  readonly isMirrored: boolean
}
/** Puts back what `removed` took from the target and can be put back. */
export interface PutBack extends StepBase<'put-back'> {
  readonly object: RemovedObject
}
/** Writes into the state that plans may not delete a thing, or that they may again. */
export interface Protect extends StepBase<'protect'> {
  readonly object: Protectable
  readonly preventDelete: boolean
}
/** Gives a topic of the target as many partitions as the source's has got since. */
export interface AddPartitions extends StepBase<'add-partitions'> {
  readonly topic: TopicName
  /** How many there are, and how many there are to be. */
  readonly from: number
  readonly to: number
}

export type Step =
  | CreateTopic
  | ConfigureTopic
  | SetUser
  | SetQuota
  | GrantAccess
  | MarkTopic
  | MirrorTopic
  | VerifyTopic
  | SyncGroup
  | ReopenTopic
  | SealTopic
  | Retire
  | RevokeAccess
  | MarkReverse
  | MirrorReverse
  | SealReverse
  | VerifyReverse
  | ReturnGroup
  | RestoreGroup
  | ForgetMark
  | AcceptGap
  | DeleteTopic
  | RemoveUser
  | RestoreQuota
  | RemoveObject
  | PutBack
  | Protect
  | AddPartitions
export type StepKindName = Step['kind']

/** How one group position came to be, for the state, verify and the receipt. */
export interface SyncedPosition {
  readonly source: SourceOffset
  /** Where the group itself was on the source, if it was taken back from there to `source`. */
  readonly rewoundFrom?: SourceOffset
  readonly target: bigint
  /** What the group had committed on the target before; null: nothing. */
  readonly previous: { readonly offset: bigint; readonly metadata: string } | null
  readonly metadata: string
  readonly proof: 'record' | 'boundary' | 'cleaned' | 'count' | 'empty'
  /** When it was added to the sync, as its partition came since, or written again, as it was gone. Absent: with the sync. */
  readonly at?: string
}
