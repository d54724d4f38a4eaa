import { parseRangeName } from '../domain/accepted-gap.ts'
import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import { MIGRATE, type Plan, type Purpose } from '../domain/plan.ts'
import { stageRank } from '../domain/stage.ts'
import { emptyState, type MigrationState } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { type AclClaims, aclClaims } from '../planner/acl-claims.ts'
import { elsewhereOf } from '../planner/coverage.ts'
import type { Observed } from '../planner/observed.ts'
import type { Clusters } from '../steps/step-kind.ts'
import { inputDigests } from './input-digests.ts'
import type { Session } from './open-session.ts'
import type { Services } from './services.ts'
import { toolVersion } from './tool-version.ts'

export interface PlanOptions {
  readonly services: Services
  readonly now: () => Date
  readonly report: (line: string) => void
  readonly signal: AbortSignal
  /** What `--max-destroy` says; absent: the project's policy holds. */
  readonly maxDestroy?: number | undefined
}

/** A plan with what it was made from. */
export interface MadePlan {
  readonly migration: Migration
  readonly plan: Plan
  readonly observed: Observed
  readonly state: MigrationState
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  readonly clusters: Clusters
  /** What is wrong at this moment, but no part of the plan. */
  readonly warnings: readonly Diagnostic[]
}

/**
 * 1. Connect to both clusters.
 * 2. Read the decisions of the migration.
 * 3. Read what is.
 * 4. Plan, and ask the target whether it would take the new topics. Nothing is written and no lock is taken.
 */
export const makePlan = async (
  session: Session,
  migration: Migration,
  { services, now, report, signal, maxDestroy }: PlanOptions,
  purpose: Purpose = MIGRATE,
): Promise<MadePlan> => {
  const clusters = await session.clustersOf(migration)
  const [state, progress] = await Promise.all([
    readState(session, migration.name),
    session.store.readProgress(migration.name),
  ])
  const desired = await wholeOf(migration, state, purpose)
  report(`reads ${migration.from} and ${migration.to} for ${migration.name}`)
  const backProgress =
    state.reverse.marks.length > 0
      ? await session.store.readProgress(migration.name, 'reverse')
      : undefined
  const observed = await withLate(
    await services.observe(clusters, desired, now, signal, { meant: state.stage !== 'retired' }),
    { state, source: clusters.source, backProgress },
    signal,
  )
  const takesBack = goesBack(migration, state, purpose) && state.grants.length > 0
  const others =
    migration.removed.length > 0 || takesBack ? await otherStates(session, migration) : []
  const inputs = await inputDigests(session.project, migration)
  const plan = await services.planMigration({
    desired,
    observed,
    state,
    progress,
    ...(backProgress && { backProgress }),
    purpose,
    readers: await readersOf(services, clusters, emptiedFor(migration, state, purpose)),
    stops:
      purpose.kind === 'accept-gap'
        ? await services.readStops(clusters, { state, progress }, stoppedKeys(purpose.gaps))
        : new Map(),
    now: now(),
    otherTopics: otherTopics(session, migration),
    elsewhere: elsewhereOf(migration, [...session.project.migrations.values()]),
    others,
    ...(takesBack && { aclClaims: claimsOf(session, migration, clusters, others) }),
    inputs,
    toolVersion: toolVersion(),
    maxDestroy: session.project.policy.maxDestroy,
    maxDestroyFlag: maxDestroy,
  })
  const refused = await services.checkCreations(plan, clusters.target)
  return {
    migration,
    plan: { ...plan, problems: [...plan.problems, ...refused] },
    observed,
    state,
    progress,
    clusters,
    warnings: await mirrorWarnings(session, migration, state, clusters, services),
  }
}

/** What stands on the source between what was mirrored back; a read that fails is a problem, as it is with everything that is observed. */
const withLate = async (
  observed: Observed,
  {
    state,
    source,
    backProgress,
  }: {
    readonly state: MigrationState
    readonly source: Cluster
    /** Undefined: nothing is mirrored back. */
    readonly backProgress: ReadonlyMap<PartitionKey, PartitionProgress> | undefined
  },
  signal: AbortSignal,
): Promise<Observed> => {
  if (backProgress === undefined || state.stage === 'retired') return observed
  const { lateOnWayBack } = await import('../mirror/late-on-way-back.ts')
  try {
    const late = await lateOnWayBack(source, state.reverse, backProgress, signal)
    return late.length === 0 ? observed : { ...observed, lateOnWayBack: late }
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    return { ...observed, problems: [...observed.problems, ...error.diagnostics] }
  }
}

/** Topics of the target that a plan of this purpose may empty although others than the mirror have written there. */
const emptiedFor = (
  migration: Migration,
  state: MigrationState,
  purpose: Purpose,
): readonly TopicName[] => {
  if (purpose.kind === 'resync') return purpose.topics
  return goesBack(migration, state, purpose)
    ? [...new Set(state.seals.map((seal) => seal.topic))]
    : []
}

const goesBack = (migration: Migration, state: MigrationState, { kind }: Purpose): boolean =>
  kind === 'rollback' || (kind === 'migrate' && isBehind(migration, state))

const readersOf = async (
  services: Services,
  { target }: Clusters,
  topics: readonly TopicName[],
): ReturnType<Services['readReaders']> =>
  topics.length === 0 ? new Map() : services.readReaders(target, topics)

const isBehind = ({ stage, order }: Migration, state: MigrationState): boolean =>
  stageRank(stage, order) < stageRank(state.stage, order)

const stoppedKeys = (gaps: readonly string[]): readonly PartitionKey[] => [
  ...new Set(
    gaps.flatMap((name) => {
      const range = parseRangeName(name)
      return range === undefined ? [] : [partitionKey(range.topic, range.partition)]
    }),
  ),
]

/** What goes back is what was done, also what is in the file no more. */
export const wholeOf = async (
  migration: Migration,
  state: MigrationState,
  purpose: Purpose,
): Promise<Migration> => {
  if (purpose.kind === 'migrate' && !isBehind(migration, state)) return migration
  const { withState } = await import('../planner/with-state.ts')
  return withState(migration, state)
}

/**
 * The decisions; those of a migration that was never applied are empty. Its lineage is empty too and not random: it is part of the
 * fingerprint, and two plans of an untouched migration must have the same.
 */
export const readState = async (session: Session, migration: string): Promise<MigrationState> =>
  (await session.store.readDecisions(migration)) ?? emptyState(migration, '')

const otherMigrations = (session: Session, { name }: Migration): readonly Migration[] =>
  [...session.project.migrations.values()].filter((other) => other.name !== name)

const otherTopics = (session: Session, migration: Migration): ReadonlyMap<TopicName, string> =>
  new Map(
    otherMigrations(session, migration).flatMap((other) =>
      other.topics.map((topic) => [topic.name, other.name] as const),
    ),
  )

/** What others count on that move to the same cluster, by whatever name they call it. */
const claimsOf = (
  session: Session,
  migration: Migration,
  { target }: Clusters,
  states: readonly MigrationState[],
): AclClaims =>
  aclClaims(
    otherMigrations(session, migration).filter(
      ({ to }) => session.project.clusters.get(to)?.clusterId === target.id,
    ),
    states.filter(({ clusters }) => clusters?.target === target.id),
  )

/** Also of migrations whose file is gone. */
const otherStates = async (
  { store }: Session,
  { name }: Migration,
): Promise<readonly MigrationState[]> => {
  const others = (await store.list()).filter((other) => other !== name)
  const states = await Promise.all(others.map((other) => store.readDecisions(other)))
  return states.filter((state) => state !== undefined)
}

/**
 * From consumers-moved until the seal a mirror must run; before that one may run, and must find this state. One must run back for as long
 * as the source is kept warm.
 */
const mirrorWarnings = async (
  session: Session,
  migration: Migration,
  state: MigrationState,
  { source, target }: Clusters,
  services: Services,
): Promise<readonly Diagnostic[]> => {
  const { growsCold, isKeptWarm, mirrorNeed, mirrorsOf, nobodyMirrors } = await import(
    './mirror-processes.ts'
  )
  const { localBesideMirror } = await import('./local-state.ts')
  const need = mirrorNeed(state)
  const isWarm = isKeptWarm(state)
  const mayRun = need === 'optional' && session.project.state.store === 'file'
  const askedOf = (written: Cluster) => services.mirrorProcesses(session.project.name, written)
  const there = need === 'needed' || mayRun ? await askedOf(target) : undefined
  const back = isWarm ? await askedOf(source) : undefined
  const isNobody = (processes: typeof there) =>
    processes !== undefined && mirrorsOf(processes, migration).length === 0
  return [
    ...(need === 'needed' && isNobody(there) ? [nobodyMirrors(migration)] : []),
    ...(isNobody(back) ? [growsCold(migration)] : []),
    ...localBesideMirror(session.project, there ?? back),
  ]
}
