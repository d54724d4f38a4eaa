import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { ApplyEvents, ApplyOptions, ApplyResult } from '../applier/apply-options.ts'
import type { LookingRun } from '../applier/check-deadlines.ts'
import { digestOf } from '../domain/canonical-json.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { PartitionKey } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Plan, Purpose } from '../domain/plan.ts'
import { type ReachedStage, type Stage, stageRank } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import { DEFAULT_MEMORY_BUDGET, type MirrorLog, type MirrorTimings } from '../mirror/mirror.ts'
import type { WhatIsNow } from '../planner/what-is-now.ts'
import type { Clusters } from '../steps/step-kind.ts'
import { allowingRewind, checkRewinds, rewindsOf } from './allow-rewind.ts'
import { driftSince } from './drift.ts'
import { changedInputs, inputDigests } from './input-digests.ts'
import { lockHolder, operationOf } from './lock-holder.ts'
import { makePlan, type PlanOptions, readState, wholeOf } from './make-plan.ts'
import { mirroredNow } from './mirrored-now.ts'
import type { Session } from './open-session.ts'
import type { ApplyParts } from './services.ts'
import { toolVersion } from './tool-version.ts'
import { type Unwritten, unwrittenOf } from './unwritten.ts'

/** A plan that may run, with the migration it is for. */
export interface PlannedMigration {
  readonly migration: Migration
  /** What the plan was made from: with `--until` a migration that goes less far. */
  readonly planned: Migration
  readonly plan: Plan
  readonly warnings: readonly Diagnostic[]
  /** The decisions that it was made from; absent: it is of a file, and they and the clusters may have changed since. */
  readonly state?: MigrationState
}

/** The plan of a file, if the files that it was made from are still the same. What changed on the clusters is the applier's to see. */
export const planFromFile = async (session: Session, plan: Plan): Promise<PlannedMigration> => {
  const migration = session.migrations[0] as Migration
  const changed = changedInputs(plan.inputs, await inputDigests(session.project, migration))
  if (changed.length > 0) {
    throw new FerryError(
      diagnostic({
        code: 'FERRY1401',
        detail: `Since the plan of ${plan.migration} was made, ${changed.length === 1 ? 'a file that it was made from' : 'files that it was made from'} changed: ${changed.join(', ')}.`,
        fix: `Make the plan again (ferry plan ${plan.migration} -o FILE) and have it reviewed, or go back to the files that were planned.`,
      }),
    )
  }
  return { migration, planned: allowingRewind(migration, rewindsOf(plan)), plan, warnings: [] }
}

/** What a purpose is made from that the flags leave open. */
export interface PurposeParts {
  readonly migration: Migration
  readonly state: MigrationState
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
}

/** The plan of one migration that goes back, or mirrors topics anew. */
export const planFor = async (
  session: Session,
  purposeOf: (parts: PurposeParts) => Purpose,
  options: PlanOptions,
): Promise<PlannedMigration> => {
  const migration = session.migrations[0] as Migration
  const state = await readState(session, migration.name)
  const progress = await session.store.readProgress(migration.name)
  const purpose = purposeOf({ migration, state, progress })
  const made = await makePlan(session, migration, options, purpose)
  const { plan, warnings, state: from } = made
  return { migration, planned: migration, plan, warnings, state: from }
}

/** Fresh plans of the session's migrations, no further than `until`. */
export const planByName = async (
  session: Session,
  until: Stage | undefined,
  allowRewind: readonly string[],
  options: PlanOptions,
): Promise<readonly PlannedMigration[]> => {
  checkRewinds(session.migrations, allowRewind)
  const planned: PlannedMigration[] = []
  for (const migration of session.migrations) {
    const reached = (await readState(session, migration.name)).stage
    const shortened = noFurtherThan(allowingRewind(migration, allowRewind), reached, until)
    const made = await makePlan(session, shortened, options)
    const { plan, warnings, state } = made
    planned.push({ migration, planned: shortened, plan, warnings, state })
  }
  return planned
}

/** `until` shortens a plan; it never asks for more than the plan file does, nor for a rollback that the file does not ask for. */
export const noFurtherThan = (
  migration: Migration,
  reached: ReachedStage,
  until: Stage | undefined,
): Migration => {
  const rank = (stage: ReachedStage) => stageRank(stage, migration.order)
  if (until === undefined || rank(until) >= rank(migration.stage)) return migration
  if (rank(until) >= rank(reached) || reached === 'nothing') return { ...migration, stage: until }
  return rank(reached) < rank(migration.stage) ? { ...migration, stage: reached } : migration
}

export interface RunOptions extends PlanOptions {
  /** Absent: what the plan file says in `gates.timeout`. */
  readonly waitMs: number | undefined
  readonly until: Stage | undefined
  /** Steps that cannot be undone may run. */
  readonly confirmed: boolean
  readonly timings: MirrorTimings
  readonly log: MirrorLog
  readonly on: ApplyEvents
  readonly debug: boolean
  /** First Ctrl-C: finish the step that runs. */
  readonly stopping: AbortSignal
}

/** A plan without steps, looked at once more. */
export interface IdlePlan {
  readonly problems: readonly Diagnostic[]
  /** Undefined: all is as the last apply has written it down. */
  readonly unwritten: Unwritten | undefined
}

/**
 * What stands against a plan without steps, and whether there is something to write down all the same. It must not say that nothing is to be
 * done where something is, or where the source no longer holds what is left to copy. One of a file is compared with what would be planned now.
 */
export const checkIdle = async (
  session: Session,
  idle: PlannedMigration,
  options: PlanOptions,
): Promise<IdlePlan> => {
  const parts = await options.services.applyParts()
  const clusters = await session.clustersOf(idle.migration)
  const check = checks(session, idle, options, parts, clusters)
  const { state, changed } =
    idle.state === undefined ? await check.again() : { state: idle.state, changed: [] }
  const isThis = idle.state === undefined && state.plan?.digest === digestOf(idle.plan)
  // Run once, it is done, whatever came since.
  if (isThis && state.plan.status === 'done') return { problems: [], unwritten: undefined }
  const errors = changed.filter(({ severity }) => severity === 'error')
  // Its own run has written since; the applier goes on with it.
  if (errors.length > 0 && !isThis) return { problems: errors, unwritten: undefined }
  const { store } = session
  const { migration, plan } = idle
  const looking = { clusters, store, migration, state: () => state, now: options.now }
  const problems = await check.checkInvariants(looking)
  if (problems.length > 0) return { problems, unwritten: undefined }
  // Nobody has seen in a file what changed outside since, nor asks for it who goes back.
  const mayAccept = idle.state !== undefined && plan.purpose.kind === 'migrate'
  const found =
    state.clusters === null ? undefined : await driftSince({ migration, state, clusters }, options)
  return {
    problems: found?.problems ?? [],
    unwritten: unwrittenOf(plan, state, mayAccept || !found ? found?.drift : []),
  }
}

type Checks = Pick<ApplyOptions, 'recheck'> & {
  /** What a plan of now differs in, and the decisions that it was made from. */
  again(): Promise<{ readonly changed: readonly Diagnostic[]; readonly state: MigrationState }>
  checkInvariants(run: LookingRun): Promise<readonly Diagnostic[]>
}

const checks = (
  session: Session,
  { migration, planned, plan }: Pick<PlannedMigration, 'migration' | 'planned' | 'plan'>,
  options: PlanOptions,
  parts: ApplyParts,
  clusters: Clusters,
): Checks => {
  const planNow = () =>
    makePlan(
      session,
      planned,
      { ...options, maxDestroy: options.maxDestroy ?? plan.maxDestroy },
      plan.purpose,
    )
  const again: Checks['again'] = async () => {
    const fresh = await planNow()
    return { changed: parts.checkAgain(plan, fresh.plan, migration), state: fresh.state }
  }
  const isNow = async (): Promise<WhatIsNow> => {
    const { plan: fresh, observed, state } = await planNow()
    return { desired: await wholeOf(planned, state, plan.purpose), observed, state, fresh }
  }
  return {
    again,
    recheck: async (own) => {
      if (own !== undefined) return parts.checkOpen(plan, await isNow(), own)
      const { changed, state } = await again()
      const { store } = session
      const looking = { clusters, store, migration, state: () => state, now: options.now }
      // Else asked before each step.
      const gone =
        plan.steps.length > 0 ? [] : await parts.checkInvariants(plan.invariants, looking)
      return [...(await parts.passedDeadlines(plan.deadlines, looking)), ...gone, ...changed]
    },
    checkInvariants: async (run) => [
      ...(await parts.passedDeadlines(plan.deadlines, run)),
      ...(await parts.checkInvariants(plan.invariants, run)),
    ],
  }
}

/** Puts together what the applier needs, and lets it run. It takes the lock, looks again at what is, and only then changes anything. */
export const runPlan = async (
  session: Session,
  { migration, planned, plan }: PlannedMigration,
  options: RunOptions,
): Promise<ApplyResult> => {
  const { services, now, timings, log } = options
  const clusters = await session.clustersOf(migration)
  const parts = await services.applyParts()
  const check = checks(session, { migration, planned, plan }, options, parts, clusters)
  const startMirror = (between: Clusters, way: 'forward' | 'reverse') =>
    services.startMirror({
      project: session.project.name,
      ...between,
      progress: session.store,
      // Always what is followed, unless this process slept and somebody took its lock over.
      decided: async (name) => mirroredNow(await session.store.readDecisions(name), way),
      memoryBudget: DEFAULT_MEMORY_BUDGET,
      throttle: () => migration.mirror.throttle,
      timings,
      log,
    })
  return services.applyPlan({
    plan,
    digest: digestOf(plan),
    project: session.project,
    migration,
    clusters,
    store: session.store,
    holder: lockHolder(operationOf(plan), now()),
    toolVersion: toolVersion(),
    kinds: parts.kinds,
    startMirror: () => startMirror(clusters, 'forward'),
    startReverseMirror: () =>
      startMirror({ source: clusters.target, target: clusters.source }, 'reverse'),
    recheck: check.recheck,
    checkInvariants: check.checkInvariants,
    look: async (state) => {
      const whole = parts.withState(migration, state)
      const observed = await services.observe(clusters, whole, now, options.signal, {
        meant: false,
      })
      if (observed.problems.length > 0) throw new FerryError(observed.problems)
      return parts.seenOf(whole, observed, state)
    },
    timings,
    gateTimeoutMs: options.waitMs ?? migration.gates.timeoutMs,
    until: options.until,
    confirmed: options.confirmed,
    on: options.on,
    debug: options.debug,
    now,
    pause: (ms, signal) => setTimeout(ms, undefined, { signal }),
    newLineage: () => randomUUID(),
    stopping: options.stopping,
    signal: options.signal,
  })
}
