import type { ApplyOptions, ApplyResult } from '../applier/apply-options.ts'
import type { LookingRun } from '../applier/check-deadlines.ts'
import type { Reach } from '../config/reach.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../domain/ids.ts'
import type { Migration, Project } from '../domain/migration.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Plan, Purpose } from '../domain/plan.ts'
import type { MigrationState, SeenFacts } from '../domain/state.ts'
import type { Reader } from '../domain/step.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Probe } from '../kafka/inquiry.ts'
import type { MirrorOptions, MirrorWithFacts } from '../mirror/mirror.ts'
import type { AclClaims } from '../planner/acl-claims.ts'
import type { Elsewhere } from '../planner/coverage.ts'
import type { ObserveAsks } from '../planner/observe.ts'
import type { Observed } from '../planner/observed.ts'
import type { OwnSteps, WhatIsNow } from '../planner/what-is-now.ts'
import type { StateStore } from '../state/state-store.ts'
import type { Clusters } from '../steps/step-kind.ts'
import type { StopFacts } from '../steps/stop-facts.ts'
import type { VerifyOptions, VerifyReport } from '../verify/index.ts'

import type { StepWords } from '../views/step-words.ts'
import type { MirrorProcess } from './mirror-processes.ts'

/**
 * What the verbs are made of, behind one border: tests put their own parts in, and `real-services.ts` imports each part only when it is
 * first used, so that `ferry --help` does not pay for a Kafka client.
 */
export interface Services {
  loadProject(where: {
    readonly cwd: string
    readonly projectFile: string | undefined
    /** Absent: all secrets must be there. */
    readonly reach?: Reach
  }): Promise<LoadedProject>
  openStore(
    project: Project,
    connect: (cluster: string) => Promise<Cluster>,
    waiting?: { readonly report: (line: string) => void; readonly signal: AbortSignal },
  ): Promise<StateStore>
  connectCluster(project: Project, name: string, signal: AbortSignal): Promise<Cluster>
  /** Tries every address of a cluster; never throws for what an address does. */
  probeCluster(project: Project, name: string): Promise<Probe>
  observe(
    clusters: Clusters,
    migration: Migration,
    now: () => Date,
    signal: AbortSignal,
    asks?: ObserveAsks,
  ): Promise<Observed>
  planMigration(parts: {
    readonly desired: Migration
    readonly observed: Observed
    readonly state: MigrationState
    readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
    readonly purpose: Purpose
    readonly readers: ReadonlyMap<TopicName, readonly Reader[]>
    readonly stops: ReadonlyMap<PartitionKey, StopFacts>
    readonly now: Date
    /** Topics of the other migrations of the project, with the names of those. */
    readonly otherTopics: ReadonlyMap<TopicName, string>
    readonly elsewhere: Elsewhere
    readonly aclClaims?: AclClaims
    /** What they have decided; only asked for where something is to be removed. */
    readonly others: readonly MigrationState[]
    readonly inputs: Readonly<Record<string, string>>
    readonly toolVersion: string
    readonly maxDestroy: number
    readonly maxDestroyFlag: number | undefined
  }): Promise<Plan>
  /** All groups of a cluster with positions in these topics. */
  readReaders(
    cluster: Cluster,
    topics: readonly TopicName[],
  ): Promise<ReadonlyMap<TopicName, readonly Reader[]>>
  /** What stands in the way of stopped partitions, and who has read how far there. */
  readStops(
    clusters: Clusters,
    known: {
      readonly state: MigrationState
      readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
    },
    keys: readonly PartitionKey[],
  ): Promise<ReadonlyMap<PartitionKey, StopFacts>>
  /** Asks the target whether it would create the topics of a plan, without creating them. */
  checkCreations(plan: Plan, target: Cluster): Promise<readonly Diagnostic[]>
  stepWords(): Promise<StepWords>
  mirrorProcesses(project: string, target: Cluster): Promise<readonly MirrorProcess[] | undefined>
  applyPlan(options: ApplyOptions): Promise<ApplyResult>
  /** What else an apply needs of the machinery. */
  applyParts(): Promise<ApplyParts>
  startMirror(options: MirrorOptions): Promise<MirrorWithFacts>
  verifyMigration(options: VerifyOptions): Promise<VerifyReport>
}

export interface LoadedProject {
  readonly project?: Project | undefined
  readonly diagnostics: readonly Diagnostic[]
}

export interface ApplyParts {
  readonly kinds: ApplyOptions['kinds']
  withState(desired: Migration, state: MigrationState): Migration
  seenOf(desired: Migration, observed: Observed, state: MigrationState): Omit<SeenFacts, 'at'>
  checkAgain(saved: Plan, fresh: Plan, desired: Migration): readonly Diagnostic[]
  checkOpen(saved: Plan, now: WhatIsNow, own: OwnSteps): readonly Diagnostic[]
  checkInvariants(invariants: Plan['invariants'], run: LookingRun): Promise<readonly Diagnostic[]>
  passedDeadlines(deadlines: Plan['deadlines'], run: LookingRun): Promise<readonly Diagnostic[]>
}
