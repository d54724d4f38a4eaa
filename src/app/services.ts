import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Migration, Project } from '../domain/migration.ts'
import type { Plan } from '../domain/plan.ts'
import type { MigrationState, PartitionProgress } from '../domain/state.ts'
import type { PartitionKey } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Mirror, MirrorOptions, MirrorTimings } from '../mirror/mirror.ts'
import type { Observed } from '../planner/observed.ts'
import type { StateStore } from '../state/state-store.ts'
import type { Clusters, StepDescription } from '../steps/step-kind.ts'
import type { Step } from '../domain/step.ts'
import type { Stage } from '../domain/stage.ts'

/**
 * What the verbs are made of, behind one border: tests put their own parts in, and `real-services.ts` imports each part only when it is
 * first used, so that `ferry --help` does not pay for a Kafka client.
 */
export interface Services {
  loadProject(where: {
    readonly cwd: string
    readonly projectFile: string | undefined
  }): Promise<LoadedProject>
  openStore(project: Project): Promise<StateStore>
  connectCluster(project: Project, name: string, signal: AbortSignal): Promise<Cluster>
  observe(
    clusters: Clusters,
    migration: Migration,
    now: () => Date,
    signal: AbortSignal,
  ): Promise<Observed>
  planMigration(parts: {
    readonly desired: Migration
    readonly observed: Observed
    readonly state: MigrationState
    readonly now: Date
    readonly inputs: Readonly<Record<string, string>>
    readonly toolVersion: string
  }): Promise<Plan>
  stepWords(): Promise<StepWords>
  applyPlan(request: ApplyRequest): Promise<ApplyResult>
  startMirror(options: MirrorOptions): Promise<Mirror>
  verifyMigration(request: VerifyRequest): Promise<VerifyReport>
}

export interface LoadedProject {
  readonly project?: Project | undefined
  readonly diagnostics: readonly Diagnostic[]
  /** How many files were read. */
  readonly files: number
}

/** What views say about steps. */
export interface StepWords {
  describe(step: Step): StepDescription
  /** Titles of the facts that must hold before the step. */
  gates(step: Step): readonly string[]
}

export interface ApplyRequest {
  readonly project: Project
  readonly migration: Migration
  readonly plan: Plan
  readonly clusters: Clusters
  readonly store: StateStore
  /** Absent: what the plan file says in `gates.timeout`. */
  readonly waitMs: number | undefined
  /** Stop when this stage is reached. */
  readonly until: Stage | undefined
  /** One-way steps run only if the migration was named. */
  readonly confirmed: boolean
  readonly timings: MirrorTimings
  readonly log: MirrorOptions['log']
  readonly on: ApplyEvents
  readonly now: () => Date
  /** Stops after the current step. */
  readonly signal: AbortSignal
}

/** What apply says while it runs. */
export interface ApplyEvents {
  started(step: Step, index: number, of: number): void
  live(line: string): void
  finished(step: Step, result: AppliedStep): void
  warned(diagnostic: Diagnostic): void
}

export const STEP_RESULTS = ['done', 'failed', 'waiting', 'notStarted'] as const
export type StepResult = (typeof STEP_RESULTS)[number]

export interface AppliedStep {
  readonly id: string
  readonly result: StepResult
  /** Why it failed, or what it waits for. */
  readonly problem?: Diagnostic
}

export interface ApplyResult {
  /** One for each step of the plan, in its order. */
  readonly steps: readonly AppliedStep[]
  readonly interrupted: boolean
  readonly problems: readonly Diagnostic[]
}

export type VerifyMode =
  | { readonly kind: 'full' }
  | { readonly kind: 'sample'; readonly records: number }

export interface VerifyRequest {
  readonly clusters: Clusters
  readonly migration: Migration
  readonly state: MigrationState
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  readonly mode: VerifyMode
  readonly report: (line: string) => void
  readonly signal: AbortSignal
}

export interface VerifiedPartition {
  readonly partition: number
  readonly sourceStart: number
  readonly sourceEnd: number
  readonly targetStart: number
  readonly targetEnd: number
  readonly mirrored: number
  readonly compared: number
  readonly ok: boolean
  readonly problems: readonly Diagnostic[]
}
export interface VerifiedPosition {
  readonly topic: string
  readonly partition: number
  readonly source: number | null
  readonly target: number | null
  readonly expected: number | null
  readonly proof?: 'record' | 'boundary' | 'count' | 'empty'
  readonly ok: boolean
}
export interface VerifyReport {
  readonly formatVersion: string
  readonly ok: boolean
  readonly topics: readonly {
    readonly name: string
    readonly mode: string
    readonly partitions: readonly VerifiedPartition[]
  }[]
  readonly groups: readonly {
    readonly id: string
    readonly partitions: readonly VerifiedPosition[]
  }[]
}
