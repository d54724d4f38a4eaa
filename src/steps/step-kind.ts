import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../domain/ids.ts'
import type { Live } from '../domain/live.ts'
import type { Migration, Project } from '../domain/migration.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Plan } from '../domain/plan.ts'
import type { Receipt } from '../domain/receipt.ts'
import type { ReachedStage, Stage } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Reader, Step } from '../domain/step.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Mirror, MirrorTimings } from '../mirror/mirror.ts'
import type { AclClaims } from '../planner/acl-claims.ts'
import type { Observed } from '../planner/observed.ts'
import type { StateStore } from '../state/state-store.ts'
import type { StopFacts } from './stop-facts.ts'

export interface Clusters {
  readonly source: Cluster
  readonly target: Cluster
}

/** What a kind of step plans from. Pure data. */
export interface PlanContext {
  readonly desired: Migration
  readonly observed: Observed
  readonly state: MigrationState
  /** What mirrors have said of each partition, for estimates and early refusals: apply reads it again. */
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  /** The same of the way back; only asked for where there is one. */
  readonly backProgress?: ReadonlyMap<PartitionKey, PartitionProgress>
  /** All groups of the target that have positions in a topic; only asked for where a topic is to be emptied. */
  readonly readers: ReadonlyMap<TopicName, readonly Reader[]>
  /** What stands in the way of stopped partitions; only asked for where a gap is to be accepted. */
  readonly stops?: ReadonlyMap<PartitionKey, StopFacts>
  /** Of the target, by other migrations; only asked for where something is rolled back. */
  readonly aclClaims?: AclClaims
  readonly now: Date
}

/** What a rollback takes back: one stage at a time, the last one first. */
export interface Undoing {
  readonly stage: Stage
  /** The stage that is reached once it is taken back. */
  readonly leadsTo: ReachedStage
  /** Where the rollback ends. */
  readonly to: ReachedStage
  /** Producers have written to the target since the seal: it goes back to the source first. */
  readonly mirrorsBack: boolean
}

/** What a step may use while it runs. */
export interface Run {
  readonly project: Project
  readonly migration: Migration
  /** What the plan that runs is for. */
  readonly purpose: Plan['purpose']
  readonly clusters: Clusters
  readonly store: Pick<StateStore, 'readProgress'>
  /** The decisions as they are now. */
  state(): MigrationState
  /** Changes the decisions, durably, before it returns. The only way to write them. */
  decide(change: (state: MigrationState) => MigrationState): Promise<void>
  /** The embedded mirror, following this migration's marks; started at the first call and kept until apply ends. */
  mirror(): Promise<Mirror>
  /** The same from target to source, by the marks of the way back. */
  reverseMirror(): Promise<Mirror>
  readonly timings: MirrorTimings
  /** How long gates are waited for, in milliseconds; 0 checks once. */
  readonly gateTimeoutMs: number
  /** What is being done or waited for now; replaces what was reported before. */
  report(live: Live): void
  now(): Date
  /** Who applies, for the receipt. */
  readonly by: Receipt['by']
  readonly signal: AbortSignal
}

/** A fact that must hold right before a step (and, where `after` says so, after it), read from the brokers each time it is asked. */
export interface Gate {
  /** "orders-api is empty on old-cloud" */
  readonly title: string
  /** True: read once more after the step, which fails if the fact no longer holds. */
  readonly after?: boolean
  /** True: when it was planned nothing was seen that it would have to wait for, so plans do not name it. It is read all the same. */
  readonly unnamed?: boolean
  /** `after`: the step was done, see above. */
  check(run: Run, moment?: 'before' | 'after'): Promise<GateReading>
}
export type GateReading =
  | { readonly holds: true }
  | {
      readonly holds: false
      /** Of the part that does not hold, where a gate has several. */
      readonly title?: string
      readonly because: string
      readonly worthWaiting: boolean
      /** Milliseconds: it holds by itself after so long, unless something happens. Then it is waited for however short the time for gates is. */
      readonly holdsInMs?: number
      /** A partition has stopped: apply does not end as at a gate, but as where a step has failed. */
      readonly hasStopped?: true
    }

export type Outcome =
  | { readonly done: true; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly done: false; readonly problem: Diagnostic }
  /** What it was about to do no longer fits, and was taken back: its gates are waited for anew. The text says why. */
  | { readonly done: false; readonly again: string }

/**
 * Everything Ferry knows about one kind of step, in one file under `src/steps/`. `steps/index.ts` lists the kinds in the order in which
 * a plan runs them. To add a kind: add its data to `domain/step.ts`, a file here, and a line there.
 */
export interface StepKind<S extends Step, Before extends Step = never> {
  readonly kind: S['kind']
  /**
   * Pure. The steps of this kind still missing between what is and what `stage` asks for, each with what must come right before it; none if
   * all is well.
   */
  plan(
    context: PlanContext,
    stage: Stage,
  ): { readonly steps: readonly (S | Before)[]; readonly problems?: readonly Diagnostic[] }
  /** Pure. The steps, of whatever kinds, that take back what this kind has done in a stage, from what is. */
  undo?(
    context: PlanContext,
    undoing: Undoing,
  ): { readonly steps: readonly Step[]; readonly problems?: readonly Diagnostic[] }
  gates(step: S): readonly Gate[]
  /** True: apply waits or reads for long and may be left at any moment, so the first Ctrl-C aborts its `run.signal` already. */
  readonly interruptible?: boolean
  /** Observes first and does only what is missing: safe to call again after a crash at any point inside it. */
  apply(step: S, run: Run): Promise<Outcome>
  /** Symbol, noun, name and sentence for people. The views only lay it out. */
  describe(step: S): StepDescription
}

export interface StepDescription {
  readonly symbol: '+' | '~' | '-' | '*' | '>' | '=' | '!' | '?'
  readonly noun: string
  readonly name: string
  readonly says: string
}
