import type { Diagnostic } from './diagnostic.ts'
import type { GroupId, PartitionKey, TopicName } from './ids.ts'
import type { PlannedOrder } from './planned-order.ts'
import type { ReachedStage } from './stage.ts'
import type { Step } from './step.ts'

export const PLAN_FORMAT_VERSION = '1.0'

/**
 * What apply will do, as it was shown. Canonical JSON in a file (keys sorted, no secrets, mode 0600); the digest of its text names it.
 * A plan with an error among its problems may be shown but never applied.
 */
export interface Plan {
  readonly formatVersion: typeof PLAN_FORMAT_VERSION
  readonly toolVersion: string
  readonly migration: string
  readonly purpose: Purpose
  readonly from: ReachedStage
  readonly to: ReachedStage
  readonly clusters: {
    readonly source: { readonly name: string; readonly id: string }
    readonly target: { readonly name: string; readonly id: string }
  }
  readonly createdAt: string
  /** SHA-256 of the files that the plan was made from, by path relative to the project. */
  readonly inputs: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
  /** Hard: must be the same when the plan is applied. Named parts, so that a refusal can say which changed. */
  readonly fingerprint: Readonly<Record<string, string>>
  /** Soft: must still hold when the plan is applied. */
  readonly invariants: readonly Invariant[]
  readonly deadlines: readonly Deadline[]
  readonly problems: readonly Diagnostic[]
  /** Where this plan moves the first group or producer of its migration. */
  readonly order?: PlannedOrder
  /** What `--max-destroy` allowed when it was made; absent: what the project's policy says. */
  readonly maxDestroy?: number
}

/**
 * What a plan is for: to bring a migration to the stage of its file, forwards or back; to an earlier stage, whatever the file says; to
 * mirror topics anew; or to go on without ranges of source offsets (`orders.events:3:100-149`, inclusive) that cannot be mirrored.
 */
export type Purpose =
  | { readonly kind: 'migrate' }
  | { readonly kind: 'rollback'; readonly to: ReachedStage }
  | { readonly kind: 'resync'; readonly topics: readonly TopicName[] }
  | { readonly kind: 'accept-gap'; readonly gaps: readonly string[] }

export const MIGRATE: Purpose = { kind: 'migrate' }

export interface Invariant {
  readonly says: string
  /** The source's log start must not have passed the next offset that the mirror needs of any marked partition of the topic. */
  readonly check: { readonly kind: 'source-holds'; readonly topic: TopicName }
}

export interface Deadline {
  readonly at: string
  readonly says: string
  /** What apply looks at before it refuses once the moment has passed. Offsets are those of the side that loses records, as decimal strings. */
  readonly about:
    | {
        /** `back`: of what producers have written to the target and is still to be mirrored back. */
        readonly kind: 'source-retention' | 'back-retention'
        readonly partition: PartitionKey
        readonly offset: string
        /** Of `back`: the retention.ms that it was counted with. Where it is longer by then, only what is gone counts. */
        readonly retentionMs?: string
      }
    | {
        readonly kind: 'target-retention'
        readonly group: GroupId
        readonly partition: PartitionKey
      }
    | { readonly kind: 'source-commits' | 'target-commits'; readonly group: GroupId }
    | { readonly kind: 'tombstones'; readonly topic: TopicName }
}
