import type { PartitionKey, TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { Plan } from '../domain/plan.ts'
import { stageRank, stagesInOrder } from '../domain/stage.ts'
import type { MigrationState, PartitionProgress } from '../domain/state.ts'
import type { Step } from '../domain/step.ts'
import type { Observed, ObservedSide } from '../planner/observed.ts'
import type {
  GroupSide,
  MigrationStatus,
  MirrorStatus,
  NextStep,
  PartitionStatus,
  TopicStatus,
} from '../views/status-report.ts'
import type { StepWords } from '../views/step-words.ts'
import { type MirrorProcess, mirrorNeed, mirrorsOf } from './mirror-processes.ts'

export interface StatusParts {
  readonly migration: Migration
  readonly state: MigrationState
  readonly observed: Observed
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  readonly plan: Plan
  readonly words: StepWords
  readonly processes: readonly MirrorProcess[] | undefined
}

/** Pure: everything was read before. */
export const statusOf = (parts: StatusParts): MigrationStatus => {
  const { migration, state, observed, plan } = parts
  const live = liveProgress(parts)
  const stopped = live.flatMap((each) => (each.problem === null ? [] : [each.problem]))
  return {
    name: migration.name,
    owner: migration.owner ?? null,
    at: observed.at,
    source: migration.from,
    target: migration.to,
    stage: state.stage,
    asks: migration.stage,
    mirror: mirrorStatus(parts, live),
    topics: migration.topics.map((topic) => topicStatus(topic.name, parts, live)),
    groups: migration.groups.map((group) => ({
      id: group.id,
      source: groupSide(observed.source, group.id),
      target: groupSide(observed.target, group.id),
      syncedAt:
        state.syncs.find((sync) => sync.group === group.id && sync.status === 'done')?.at ?? null,
    })),
    next: nextStep(parts),
    deadlines: plan.deadlines.map(({ at, says }) => ({ at, says })),
    problems: [...stopped, ...plan.problems],
  }
}

/** True if a partition of the migration stopped: nothing of it is copied until somebody acts. */
export const hasStopped = (status: MigrationStatus): boolean =>
  status.topics.some((topic) => topic.state === 'stopped')

/** Progress of an older mark is void. */
const liveProgress = ({ state, progress }: StatusParts): readonly PartitionProgress[] =>
  [...progress.values()].filter((each) =>
    state.marks.some(
      (mark) =>
        mark.topic === each.topic &&
        mark.partition === each.partition &&
        mark.producerId === each.producerId,
    ),
  )

const mirrorStatus = (
  { migration, state, processes }: StatusParts,
  live: readonly PartitionProgress[],
): MirrorStatus => ({
  need: mirrorNeed(state),
  processes:
    processes === undefined
      ? null
      : mirrorsOf(processes, migration).map(({ host, pid }) => ({ host, pid })),
  lastProgress:
    live
      .map((each) => each.at)
      .sort()
      .at(-1) ?? null,
})

const topicStatus = (
  name: TopicName,
  { state, observed }: StatusParts,
  live: readonly PartitionProgress[],
): TopicStatus => {
  const marks = state.marks.filter((mark) => mark.topic === name)
  const seals = state.seals.filter((seal) => seal.topic === name)
  const source = observed.source.topics.get(name)
  const numbers = new Set([
    ...(source?.partitions.map((each) => each.partition) ?? []),
    ...marks.map((mark) => mark.partition),
  ])
  const partitions = [...numbers]
    .sort((one, other) => one - other)
    .map((partition): PartitionStatus => {
      const mark = marks.find((each) => each.partition === partition)
      const seal = seals.find((each) => each.partition === partition)
      const progress = live.find((each) => each.topic === name && each.partition === partition)
      const seen = source?.partitions.find((each) => each.partition === partition)
      const mirroredTo = seal?.sourceEnd ?? progress?.mirroredTo ?? mark?.sourceStart ?? null
      // What is not yet stable cannot be mirrored, so it is not lag either.
      const end = seen?.lastStable ?? null
      return {
        partition,
        sourceStart: integer(mark?.sourceStart),
        targetStart: integer(mark?.targetStart),
        mirroredTo: integer(mirroredTo),
        sourceEnd: integer(seen?.highWatermark),
        lag: mirroredTo === null || end === null ? null : Math.max(0, Number(end - mirroredTo)),
        sealed: seal !== undefined,
        stopped: progress !== undefined && progress.problem !== null,
        divergedAt: integer(progress?.diverged?.source),
      }
    })
  return { name, mode: marks[0]?.mode ?? null, state: topicState(), partitions }

  function topicState(): TopicStatus['state'] {
    if (partitions.some((each) => each.stopped)) return 'stopped'
    if (marks.length > 0) return seals.length === marks.length ? 'sealed' : 'mirrored'
    return observed.target.topics.has(name) ? 'not-marked' : 'absent'
  }
}

const groupSide = (side: ObservedSide, id: Migration['groups'][number]['id']): GroupSide => {
  const group = side.groups.get(id)
  return {
    state: group?.description.state ?? 'unknown',
    members: group?.description.members.length ?? 0,
  }
}

const nextStep = ({ migration, state, plan, words }: StatusParts): NextStep => {
  if (plan.problems.some((each) => each.severity === 'error')) return { kind: 'blocked' }
  const first = plan.steps[0]
  if (first !== undefined) {
    return { kind: 'apply', step: sentence(first, words), waitsFor: words.gates(first) }
  }
  const stages = stagesInOrder(migration.order)
  const further = stages[stageRank(state.stage, migration.order)]
  return further === undefined ? { kind: 'finished' } : { kind: 'edit', stage: further }
}

/** `sync group orders-api` */
const sentence = (step: Step, words: StepWords): string => {
  const { noun, name } = words.describe(step)
  return `${noun} ${name}`
}

/** Offsets are integers in JSON; those of a real log are far below 2^53. */
const integer = (offset: bigint | null | undefined): number | null =>
  offset === null || offset === undefined ? null : Number(offset)
