import type { CopyProgress } from '../domain/copy-progress.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { Migration } from '../domain/migration.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Plan } from '../domain/plan.ts'
import { openReverse } from '../domain/reverse.ts'
import { stageRank, stagesInOrder } from '../domain/stage.ts'
import type { Step } from '../domain/step.ts'
import { lostCopy, type ObservedSide } from '../planner/observed.ts'
import type {
  BackStatus,
  GroupSide,
  LockStatus,
  MigrationStatus,
  MirrorStatus,
  NextStep,
  PartitionStatus,
  TopicStatus,
} from '../views/status-report.ts'
import type { StepWords } from '../views/step-words.ts'
import { type MirrorProcess, mirrorNeed, mirrorsOf } from './mirror-processes.ts'
import { notDurableYet } from './not-durable-yet.ts'
import { type Known, knownOf, type LookParts, partitionOf, placeOf } from './places.ts'
import { retentionStatus } from './retention-status.ts'

export interface StatusParts extends LookParts {
  readonly plan: Plan
  readonly words: StepWords
  readonly processes: readonly MirrorProcess[] | undefined
  /** What of the target could not be looked at. */
  readonly unread: readonly Diagnostic[]
  /** Undefined: nobody has the lock. */
  readonly lock?: LockStatus | undefined
  /** Of the way back, and who mirrors on it. */
  readonly backProgress: ReadonlyMap<PartitionKey, PartitionProgress>
  readonly backProcesses: readonly MirrorProcess[] | undefined
  /** What the looks before this one add to it. */
  readonly copied: readonly CopyProgress[]
}

/** Pure: everything was read before. */
export const statusOf = (parts: StatusParts): MigrationStatus => {
  const { migration, state, observed, plan } = parts
  const known = knownOf(parts)
  const retention = retentionStatus(parts)
  const { marks: backMarks } = openReverse(state)
  const back = backMarks.flatMap((mark) => backProgressOf(mark, parts) ?? [])
  const stopped = [...known.progress.values(), ...back].flatMap(({ problem }) => problem ?? [])
  return {
    name: migration.name,
    owner: migration.owner ?? null,
    at: observed.at,
    source: migration.from,
    target: migration.to,
    stage: state.stage,
    asks: migration.stage,
    ...(parts.lock && { lock: parts.lock }),
    mirror: mirrorStatus(parts, known),
    ...(backMarks.length > 0 && { back: backStatus(parts) }),
    topics: migration.topics.map((topic) => topicStatus(topic.name, parts, known)),
    groups: migration.groups.map((group) => ({
      id: group.id,
      source: groupSide(observed.source, group.id),
      target: groupSide(observed.target, group.id),
      syncedAt:
        state.syncs.find((sync) => sync.group === group.id && sync.status === 'done')?.at ?? null,
    })),
    next: nextStep(parts, known),
    deadlines: plan.deadlines.map(({ at, says }) => ({ at, says })),
    ...(retention && { retention }),
    problems: [...stopped, ...parts.unread, ...plan.problems, ...notDurableYet(parts)],
  }
}

const mirrorStatus = (
  { migration, state, processes }: StatusParts,
  { progress }: Known,
): MirrorStatus => ({
  need: mirrorNeed(state),
  processes:
    processes === undefined
      ? null
      : mirrorsOf(processes, migration).map(({ host, pid }) => ({ host, pid })),
  lastProgress:
    [...progress.values()]
      .map((each) => each.at)
      .sort()
      .at(-1) ?? null,
})

const backProgressOf = (
  { topic, partition, producerId }: Mark,
  { backProgress }: Pick<StatusParts, 'backProgress'>,
): PartitionProgress | undefined => {
  const found = backProgress.get(partitionKey(topic, partition))
  return found?.producerId === producerId ? found : undefined
}

const backStatus = (parts: StatusParts): BackStatus => {
  const { migration, state, observed, backProcesses } = parts
  const reverse = openReverse(state)
  const topics = [...new Set(reverse.marks.map((mark) => mark.topic))].sort()
  return {
    processes:
      backProcesses === undefined
        ? null
        : mirrorsOf(backProcesses, migration).map(({ host, pid }) => ({ host, pid })),
    topics: topics.map((name) => {
      const marks = reverse.marks.filter((mark) => mark.topic === name)
      const lags = marks.map((mark) => {
        const end = partitionOf(observed.target, mark)?.lastStable
        const to = backProgressOf(mark, parts)?.mirroredTo ?? mark.sourceStart
        return end === undefined ? null : Math.max(0, Number(end - to))
      })
      return {
        name,
        lag: lags.reduce((sum, lag) => (sum === null || lag === null ? null : sum + lag), 0),
        sealed: reverse.seals.filter((seal) => seal.topic === name).length === marks.length,
        stopped: marks.filter((mark) => backProgressOf(mark, parts)?.problem).length,
      }
    }),
  }
}

const topicStatus = (
  name: TopicName,
  { observed, copied }: StatusParts,
  known: Known,
): TopicStatus => {
  const marks = known.marks.get(name) ?? []
  const source = observed.source.topics.get(name)
  const numbers = new Set([
    ...(source?.partitions.map((each) => each.partition) ?? []),
    ...marks.map((mark) => mark.partition),
  ])
  const partitions = [...numbers]
    .sort((one, other) => one - other)
    .map((partition): PartitionStatus => {
      const mark = marks.find((each) => each.partition === partition)
      const place = mark && placeOf(mark, observed, known)
      return {
        partition,
        sourceStart: integer(mark?.sourceStart),
        targetStart: integer(mark?.targetStart),
        mirroredTo: integer(place?.index.mirroredTo),
        sourceEnd: integer(partitionOf(observed.source, { topic: name, partition })?.highWatermark),
        lag: place?.lag ?? null,
        divergedAt: integer(place?.index.diverged?.source),
        sealed: place?.sealed ?? false,
        stopped: (place?.problem ?? null) !== null,
        problem: place?.problem ?? null,
      }
    })
  const found = copied.find((each) => each.topic === name)
  return {
    name,
    mode: marks[0]?.mode ?? null,
    state: topicState(),
    progress: found === undefined ? null : withoutTopic(found),
    partitions,
  }

  function topicState(): TopicStatus['state'] {
    if (partitions.some((each) => each.stopped)) return 'stopped'
    const isLost = marks.some((mark) => lostCopy(mark, observed))
    if (marks.length > 0 && !isLost) {
      return partitions.filter((each) => each.sealed).length === marks.length
        ? 'sealed'
        : 'mirrored'
    }
    return observed.target.topics.has(name) ? 'not-marked' : 'absent'
  }
}

const withoutTopic = ({ topic: _, ...rest }: CopyProgress): Omit<CopyProgress, 'topic'> => rest

const groupSide = (side: ObservedSide, id: Migration['groups'][number]['id']): GroupSide => {
  const group = side.groups.get(id)
  const members = group?.description.members ?? []
  return {
    state: group?.description.state ?? 'unknown',
    members: members.length,
    clients: members.map(({ clientId, host }) => ({ clientId, host })),
    lag: group === undefined ? null : groupLag(side, group.commits),
  }
}

const groupLag = (
  side: ObservedSide,
  commits: ReadonlyMap<PartitionKey, { readonly offset: bigint }>,
): number | null => {
  const behind = [...side.topics].flatMap(([topic, { partitions }]) =>
    partitions.flatMap(({ partition, highWatermark }) => {
      const commit = commits.get(partitionKey(topic, partition))
      return commit === undefined ? [] : [Math.max(0, Number(highWatermark - commit.offset))]
    }),
  )
  return behind.length === 0 ? null : behind.reduce((sum, lag) => sum + lag, 0)
}

const nextStep = (
  { migration, state, plan, words }: StatusParts,
  { progress, seals }: Known,
): NextStep => {
  if (plan.problems.some((each) => each.severity === 'error')) return { kind: 'blocked' }
  // Others have written between what is copied: no apply goes on there, but one that goes back may.
  const isForeign = [...progress].some(
    ([key, { problem }]) => problem?.code === 'FERRY1604' && !seals.has(key),
  )
  if (isForeign && stageRank(plan.to, migration.order) >= stageRank(plan.from, migration.order)) {
    return { kind: 'blocked' }
  }
  const first = plan.steps[0]
  if (first !== undefined) {
    const waiting = plan.steps.find((step) => words.gates(step).length > 0)
    return {
      kind: 'apply',
      command: `ferry apply ${migration.name}`,
      step: sentence(first, words),
      gate:
        waiting === undefined
          ? null
          : { step: sentence(waiting, words), waitsFor: words.gates(waiting) },
    }
  }
  // No stage is passed while a partition is stopped.
  if ([...progress].some(([key, { problem }]) => problem && !seals.has(key))) {
    return { kind: 'blocked' }
  }
  if (plan.from !== plan.to) {
    const step = `writing down that nothing is left to do for ${plan.to}`
    return { kind: 'apply', command: `ferry apply ${migration.name}`, step, gate: null }
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
