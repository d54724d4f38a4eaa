import { type AcceptedGap, acceptedOf } from './accepted-gap.ts'
import { type AclBinding, aclKey } from './access.ts'
import type { Cleaned } from './cleaned.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { Managed } from './drift.ts'
import type { Emptied, PartitionEnd } from './emptied.ts'
import type { Heard } from './heard.ts'
import type {
  ClusterId,
  GroupId,
  PartitionKey,
  SourceOffset,
  TargetOffset,
  TopicName,
} from './ids.ts'
import type { Mark, Seal } from './mark.ts'
import type { RemovedObject, ScramMechanism } from './migration.ts'
import { type Divergence, GapList, type OffsetMap } from './offset-index.ts'
import type { Protectable } from './protectable.ts'
import type { Receipt, ReceiptPartition } from './receipt.ts'
import type { ReachedStage } from './stage.ts'
import type { SyncedPosition } from './step.ts'

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

/** `pending` is written before the commit, `done` after it was read back. */
export interface GroupReturn {
  readonly group: GroupId
  readonly status: 'pending' | 'done'
  readonly at: string
  readonly positions: ReadonlyMap<PartitionKey, ReturnedPosition>
  /** `at` of the sync that it takes back. Absent: it was not synced. */
  readonly of?: string
  /** The {@link sealedWayBack} behind which it was put back. Absent: there was none. */
  readonly behind?: readonly bigint[]
}

export interface ReturnedPosition {
  readonly target: bigint
  readonly source: SourceOffset
  /** What the group had committed on the source before; null: nothing. */
  readonly previous: { readonly offset: bigint; readonly metadata: string } | null
  readonly metadata: string
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
  /** The last batch that was sent, written before it: how much of this producer's is on the target tells where the next one begins. */
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

/** `pending` is written before the commit (with what was there before), `done` after the proof. */
export interface GroupSync {
  readonly group: GroupId
  readonly status: 'pending' | 'done'
  /** Which sync it is: partitions that came since are added to it, each with an `at` of its own. */
  readonly at: string
  readonly positions: ReadonlyMap<PartitionKey, SyncedPosition>
  /** How many partitions of each topic were marked then, the first ones: others came since. Absent: all that are. */
  readonly marked?: ReadonlyMap<TopicName, number>
  /** Of partitions that came since: written before their commit, one of `positions` after the proof. The others stay synced meanwhile. */
  readonly adding?: ReadonlyMap<PartitionKey, SyncedPosition>
}

/** When the oldest position of a sync was written: the first one to expire. */
export const oldestWrite = ({ at, positions }: Pick<GroupSync, 'at' | 'positions'>): string =>
  [...positions.values()].reduce<string | undefined>((oldest, position) => {
    const written = position.at ?? at
    return oldest === undefined || written < oldest ? written : oldest
  }, undefined) ?? at

/** Whether a group was put back since it was synced so: an earlier move is over. Of a return that does not say so, their clocks tell. */
export const takesBack = (
  returned: Pick<GroupReturn, 'group' | 'at' | 'of'>,
  sync: Pick<GroupSync, 'group' | 'at'>,
): boolean =>
  returned.group === sync.group &&
  (returned.of === undefined ? returned.at >= sync.at : returned.of === sync.at)

/** What a sync wrote, or was about to write when it ended, in one partition. */
export const writtenBy = (
  sync: Pick<GroupSync, 'positions' | 'adding'> | undefined,
  key: PartitionKey,
): SyncedPosition | undefined => sync?.positions.get(key) ?? sync?.adding?.get(key)

/**
 * What the mirror knows of one partition. Written by whoever holds the partition. Losing it costs a longer check; but all processes that
 * mirror a migration must share one store, since `mayBeInFlight` is what lets a new holder start at once.
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
  /** Random, of one holding of the partition. A chunk of another one than the last `isWhole` began with comes late, and is void. */
  readonly tenure: string
  /** Holds all gaps from the mark on, and replaces whatever is stored. The first of a tenure, and now and then to keep the rest short. */
  readonly isWhole: boolean
  readonly from: SourceOffset
  /** `GapList.bytesFrom(from)`. */
  readonly gaps: Uint8Array
}

/** One line of the journal. Each carries the hash of the one before: a line that was changed or lost is found. */
export interface JournalEntry {
  readonly seq: number
  readonly at: string
  readonly plan: string
  readonly what:
    | { readonly kind: 'plan-started' | 'plan-finished' }
    | { readonly kind: 'intent'; readonly step: string }
    | {
        readonly kind: 'result'
        readonly step: string
        readonly outcome: 'done' | 'failed' | 'waiting'
        readonly facts: Readonly<Record<string, unknown>>
      }
  readonly previous: string
  /** SHA-256 of the canonical JSON of everything above. */
  readonly hash: string
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
