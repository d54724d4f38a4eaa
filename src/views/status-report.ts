import type { CopyProgress } from '../domain/copy-progress.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Deadline } from '../domain/plan.ts'
import type { ReachedStage, Stage } from '../domain/stage.ts'

export const STATUS_FORMAT_VERSION = '1.1'

/** Where a migration is and what is next, as it was seen at one moment. Plain JSON data: `status --json` prints it. */
export interface MigrationStatus {
  readonly name: string
  readonly owner: string | null
  /** ISO 8601. */
  readonly at: string
  readonly source: string
  readonly target: string
  readonly stage: ReachedStage
  /** What the plan file asks for. */
  readonly asks: Stage
  /** Who has its lock, for what and since when; absent: nobody. */
  readonly lock?: LockStatus
  readonly mirror: MirrorStatus
  /** What is mirrored back to the source; absent before anything is. */
  readonly back?: BackStatus
  readonly topics: readonly TopicStatus[]
  readonly groups: readonly GroupStatus[]
  readonly next: NextStep
  readonly deadlines: readonly Pick<Deadline, 'at' | 'says'>[]
  /** Where retention of the source is closest behind the mirror; absent: nothing is left to copy, or too little is known. */
  readonly retention?: RetentionStatus
  readonly problems: readonly Diagnostic[]
}

export interface LockStatus {
  readonly user: string
  readonly host: string
  readonly pid: number
  /** As `rollback orders to prepared`. */
  readonly operation: string
  readonly since: string
  /** Of a lease: it ends then unless it is renewed. */
  readonly expires?: string
}

export interface MirrorStatus {
  /** `none`: nothing to mirror now. `needed`: consumers moved and the topics are not sealed, so it must run. */
  readonly need: 'none' | 'optional' | 'needed'
  /** Processes that are in the mirror group for these topics now; null if the target could not be asked. */
  readonly processes: readonly { readonly host: string; readonly pid: number }[] | null
  /** When a mirror last had something to record; an idle one has nothing. */
  readonly lastProgress: string | null
}

export interface RetentionStatus {
  readonly topic: string
  readonly partition: number
  /** Records per second that are copied of it: just measured, over all the time since its mark, or what a mirror does at least. */
  readonly copiedPerSecond: number
  readonly by: 'now' | 'mark' | 'estimate'
  /** Records per second that retention takes. */
  readonly takenPerSecond: number
  /** When it takes what is not copied, at these rates; null: the mirror is quicker. */
  readonly overtakenAt: string | null
}

export interface BackStatus {
  /** Processes that are in the mirror group on the source for these topics now; null if the source could not be asked. */
  readonly processes: readonly { readonly host: string; readonly pid: number }[] | null
  readonly topics: readonly {
    readonly name: string
    /** Offsets of the target that are not known to be on the source; null where the target did not say. */
    readonly lag: number | null
    readonly sealed: boolean
    readonly stopped: number
  }[]
}

export interface TopicStatus {
  readonly name: string
  readonly mode: 'identical' | 'dense' | null
  readonly state: 'absent' | 'not-marked' | 'mirrored' | 'sealed' | 'stopped'
  /** Of all its partitions; null before the mark. Bytes are estimated from the size of the newest records. */
  readonly progress: Omit<CopyProgress, 'topic'> | null
  readonly partitions: readonly PartitionStatus[]
}

export interface PartitionStatus {
  readonly partition: number
  /** The mark; null before it was made. */
  readonly sourceStart: number | null
  readonly targetStart: number | null
  /**
   * Source offset up to which records were mirrored: the sealed end, else what the target's log end says, and where the partition is
   * stopped what the mirror last said.
   */
  readonly mirroredTo: number | null
  readonly sourceEnd: number | null
  /** Offsets between the two; null where either is unknown. */
  readonly lag: number | null
  /** Source offset from which on offsets differ although they were to be identical (FERRY1614); null as long as they do not. */
  readonly divergedAt: number | null
  readonly sealed: boolean
  /** Also where the next mirror will stop, as others have written to the target while none runs. */
  readonly stopped: boolean
  /** Why it stopped, or will. */
  readonly problem: Diagnostic | null
}

export interface GroupStatus {
  readonly id: string
  readonly source: GroupSide
  readonly target: GroupSide
  /** When its positions were written on the target; null if they were not. */
  readonly syncedAt: string | null
}
export interface GroupSide {
  /** As Kafka names it, lower case; `absent`: the cluster knows no such group; `unknown`: it could not be asked. */
  readonly state: string
  readonly members: number
  readonly clients: readonly { readonly clientId: string; readonly host: string }[]
  /** Records of the migration's topics behind the group's commits; null if it has none there. */
  readonly lag: number | null
}

export type NextStep =
  | { readonly kind: 'blocked' }
  /** `command` runs the plan that would be made now, beginning with `step`; `gate` is the first wait on its way, null: none. */
  | {
      readonly kind: 'apply'
      readonly command: string
      readonly step: string
      readonly gate: { readonly step: string; readonly waitsFor: readonly string[] } | null
    }
  /** All is as asked; the plan file could ask for more. */
  | { readonly kind: 'edit'; readonly stage: Stage }
  | { readonly kind: 'finished' }
