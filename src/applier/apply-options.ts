import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Live } from '../domain/live.ts'
import type { Migration, Project } from '../domain/migration.ts'
import type { Plan } from '../domain/plan.ts'
import type { ReachedStage, Stage } from '../domain/stage.ts'
import type { MigrationState, SeenFacts } from '../domain/state.ts'
import type { Step, StepKindName } from '../domain/step.ts'
import type { Mirror, MirrorTimings } from '../mirror/mirror.ts'
import type { OwnSteps } from '../planner/what-is-now.ts'
import type { LockHolder, StateStore } from '../state/state-store.ts'
import type { Clusters, Run, StepKind } from '../steps/step-kind.ts'

/** What apply needs: everything it touches comes in here. */
export interface ApplyOptions {
  readonly plan: Plan
  /** Of the plan file's text: names the plan in the state and the journal. */
  readonly digest: string
  readonly project: Project
  readonly migration: Migration
  readonly clusters: Clusters
  readonly store: StateStore
  /** Who applies, for whoever finds the migration locked. */
  readonly holder: LockHolder
  readonly toolVersion: string
  readonly kinds: (name: StepKindName) => StepKind<Step>
  /** Called when the first step asks for it; it is told what to follow, and stopped, by the applier. */
  readonly startMirror: () => Promise<Mirror>
  /** The same from target to source. */
  readonly startReverseMirror: () => Promise<Mirror>
  /** Compares the plan with what is now; where its run goes on, but for what its `own` steps did. Errors mean that it is stale. */
  readonly recheck: (own?: OwnSteps) => Promise<readonly Diagnostic[]>
  /** Asked before each step; errors mean that the plan counts on something that is no longer so. See `check-invariants.ts`. */
  readonly checkInvariants: (run: Run) => Promise<readonly Diagnostic[]>
  /** Reads what a run leaves behind, for `ferry drift`. */
  readonly look: (state: MigrationState) => Promise<Omit<SeenFacts, 'at'>>
  readonly timings: MirrorTimings
  /** How long one step waits for its gates; 0 checks once. */
  readonly gateTimeoutMs: number
  /** Stop once this stage is reached; the plan stays open. */
  readonly until?: Stage | undefined
  /** False: a plan with a step that cannot be undone is refused. */
  readonly confirmed: boolean
  readonly on: ApplyEvents
  /** Internal errors say where they come from. */
  readonly debug?: boolean
  readonly now: () => Date
  readonly pause: Pause
  /** A new state's lineage. */
  readonly newLineage: () => string
  /** First Ctrl-C: finish the step that runs, unless it only waits. */
  readonly stopping: AbortSignal
  /** Second Ctrl-C: leave the step that runs; its intent stays open in the journal. */
  readonly signal: AbortSignal
}

/** Waits; rejects with the signal's reason when it is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>

/** What apply says while it runs. */
export interface ApplyEvents {
  started(step: Step, index: number, of: number): void
  /** What the step is at; often the same again. */
  live(live: Live): void
  finished(step: Step, applied: AppliedStep): void
  warned(problem: Diagnostic | string): void
}

export const STEP_OUTCOMES = ['done', 'failed', 'waiting', 'notStarted'] as const
export type StepOutcome = (typeof STEP_OUTCOMES)[number]

export interface AppliedStep {
  readonly id: string
  /** `waiting`: for a gate, or left by an interrupt; the next apply goes on with it. */
  readonly outcome: StepOutcome
  /** True if it was done by an earlier run of this plan. */
  readonly earlier: boolean
  /** Why it failed, or what it waits for. */
  readonly problem?: Diagnostic
}

/**
 * How apply ended. Expected failures are values: nothing is thrown.
 * - `done`: every step, or with `until` every step up to that stage.
 * - `waiting`: stopped at a gate; apply again later (exit 7).
 * - `failed`: see `problems`. Exit 8 where `begun`, else that of the first problem's code: nothing was changed.
 * - `interrupted`: exit 130.
 */
export interface ApplyResult {
  readonly status: 'done' | 'waiting' | 'failed' | 'interrupted'
  /** One for each step of the plan, in its order. */
  readonly steps: readonly AppliedStep[]
  /** Why it ended, all of it. Empty for done and interrupted. */
  readonly problems: readonly Diagnostic[]
  /** True if a step of this plan was begun, now or in an earlier run: the clusters may differ from before. */
  readonly begun: boolean
  /** How far the migration is now; undefined if that was not read. */
  readonly stage: ReachedStage | undefined
  readonly takenOverFrom: LockHolder | undefined
}
