import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicPartition } from '../domain/ids.ts'
import type { GroupSpec } from '../domain/migration.ts'
import { stageRank } from '../domain/stage.ts'
import { placesOf } from '../domain/state-places.ts'
import {
  giveUpCommand,
  goneInWords,
  heldAndGone,
  nameRange,
  notSalvaged,
  type StrandedRange,
  sealsStay,
  strandedRanges,
} from '../domain/stranded.ts'
import { counted } from '../steps/_words.ts'
import { skippedFindings, startInWords } from '../steps/skipped.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { backOnSource } from './back-on-source.ts'
import { mayGoNow } from './deadlines.ts'
import { willBeForgotten } from './forgetting.ts'
import { rollbackUnderWay } from './guards/reverse.ts'
import { type ObservedPartition, partitionAt, partitionSeen } from './observed.ts'
import { overtakenWarning } from './overtaken.ts'
import { type OrderAdvice, recommendOrder } from './recommend-order.ts'

/** What a person should know about moving groups and producers; none of it blocks, but for a start that cannot be told. Pure. */
export const cutoverWarnings = (context: PlanContext): readonly Diagnostic[] => [
  ...withoutCommits(context),
  ...betterOrder(context),
  ...leftOut(context),
  ...context.desired.groups.flatMap((spec) => skippedFindings(context, spec, areDue(context))),
  ...mayGoNow(context),
  ...overtakenWarning(context),
  ...stranded(context),
  ...backOnSource(context),
  ...willBeForgotten(context),
]

const isSynced = ({ state }: PlanContext, { id }: GroupSpec): boolean =>
  state.syncs.some((s) => s.group === id && s.status === 'done')

/** Partitions that hold records and in which a group has no position: their absence is copied. */
const withoutCommits = (context: PlanContext): readonly Diagnostic[] => {
  const { desired, observed } = context
  if (observed.source.commitsExpireEarly) return []
  const all = { partitions: 0, records: 0n }
  for (const { records } of filled(context)) {
    all.partitions += 1
    all.records += records
  }
  return desired.groups.flatMap((spec) => noCommit(context, spec, all))
}

/** Partitions of the source that hold records which are, or will be, on the target. */
function* filled(context: PlanContext) {
  const { desired, observed } = context
  for (const { name } of desired.topics) {
    for (const p of observed.source.topics.get(name)?.partitions ?? []) {
      const records = recordsIn(context, partitionKey(name, p.partition), p)
      if (records > 0n) yield { topic: name, p, records }
    }
  }
}

/** From the mark on: what is before it is not on the target. Where there is none yet, from the log start. */
const recordsIn = (
  { state }: PlanContext,
  key: PartitionKey,
  { logStart, highWatermark }: ObservedPartition,
): bigint => {
  const mark = placesOf(state).marks.get(key)?.sourceStart ?? 0n
  const from = mark > logStart ? mark : logStart
  return highWatermark > from ? highWatermark - from : 0n
}

/** Counts what the group has, which is little where there is much, and takes it off the whole. */
const noCommit = (
  context: PlanContext,
  spec: GroupSpec,
  all: { readonly partitions: number; readonly records: bigint },
): readonly Diagnostic[] => {
  const { observed } = context
  const commits = observed.source.groups.get(spec.id)?.commits
  if (!commits || commits.size === 0 || spec.uncommittedSaid || isSynced(context, spec)) return []
  let { partitions: count, records } = all
  for (const key of commits.keys()) {
    const seen = partitionSeen(observed.source, key)
    const left = seen ? recordsIn(context, key, seen) : 0n
    if (left === 0n) continue
    count -= 1
    records -= left
  }
  if (count === 0) return []
  const names: string[] = []
  for (const { topic, p } of filled(context)) {
    if (!commits.has(partitionKey(topic, p.partition))) names.push(`${topic}-${p.partition}`)
    if (names.length === Math.min(5, count)) break
  }
  const more = count > names.length ? ` and ${count - names.length} more` : ''
  return [
    diagnostic({
      code: 'FERRY1340',
      severity: 'warning',
      detail: `${spec.id} has no position in ${names.join(', ')}${more} on ${observed.source.name}, and gets none on ${observed.target.name}. Its auto.offset.reset decides there: earliest reads all ${isCounted(context) ? `${counted(records, 'record')} of them` : 'that is mirrored of them'}, latest none.`,
      fix: 'Say what is meant: `uncommitted: absent` (as it is), `start` or `end`.',
      at: spec.at,
    }),
  ]
}

/** Where mirroring begins is known: at the marks, or at the log starts. */
const isCounted = ({ desired, state }: PlanContext): boolean => {
  const { markedTopics } = placesOf(state)
  return (
    desired.mirror.startFrom === 'earliest' ||
    desired.topics.every(({ name }) => markedTopics.has(name))
  )
}

const betterOrder = (context: PlanContext): readonly Diagnostic[] => {
  const { desired, state } = context
  const hasMoved = stageRank(state.stage, desired.order) > stageRank('mirrored', desired.order)
  return hasMoved || desired.groups.length === 0 ? [] : orderFinding(context).warning
}

/** Which order is recommended, and a warning where the file's is worse by more than taste. */
export const orderFinding = (
  context: Pick<PlanContext, 'desired' | 'observed' | 'now'>,
): { readonly advice: OrderAdvice; readonly warning: readonly Diagnostic[] } => {
  const { desired } = context
  const advice = recommendOrder(context)
  const { order, because } = advice
  if (order === desired.order || !isUrgent(because, desired.order)) return { advice, warning: [] }
  const warning = diagnostic({
    code: 'FERRY1341',
    severity: 'warning',
    detail: `${desired.name} moves ${desired.order}; better would be ${order}: ${because}.`,
    fix: `Write \`order: ${order}\`, or go on if there is another reason.`,
    at: desired.stageAt,
  })
  return { advice, warning: [warning] }
}

/** Whoever wrote producers-first has a reason; only one that loses something is worth a warning. */
const isUrgent = (because: string, order: PlanContext['desired']['order']): boolean =>
  order === 'consumers-first' || because.includes('expire')

/** Whether this plan leads to where groups have moved. */
const areDue = ({ desired: { stage, order } }: PlanContext): boolean =>
  stageRank(stage, order) >= stageRank('consumers-moved', order)

/** Records that a group has not read and that mirroring begins after, of topics that have no mark yet. */
const leftOut = (context: PlanContext): readonly Diagnostic[] => {
  const { desired, observed, state } = context
  const { startFrom } = desired.mirror
  const { markedTopics } = placesOf(state)
  const unmarked = desired.topics.filter(({ name }) => !markedTopics.has(name))
  if (startFrom === 'earliest' || unmarked.length === 0) return []
  if (startFrom === 'committed') {
    return desired.groups.length > 0
      ? []
      : [
          diagnostic({
            code: 'FERRY1350',
            detail: `${desired.name} has no groups, so there is no lowest commit to begin at.`,
            fix: 'Name its groups, or write another `mirror.startFrom`.',
            at: desired.stageAt,
          }),
        ]
  }
  const from = startInWords(desired)
  const ends = new Map(
    unmarked.flatMap(({ name }) =>
      (observed.source.topics.get(name)?.partitions ?? []).map(
        (p) => [partitionKey(name, p.partition), p.lastStable] as const,
      ),
    ),
  )
  const behind = desired.groups.flatMap(({ id }) => {
    const commits = observed.source.groups.get(id)?.commits
    const lag = [...(commits ?? [])].reduce((sum, [key, { offset }]) => {
      const end = ends.get(key)
      return end !== undefined && offset < end ? sum + end - offset : sum
    }, 0n)
    return lag > 0n ? [`${id} (${counted(lag, 'record')} behind now)`] : []
  })
  if (state.marks.length > 0 && behind.length === 0) return []
  return [
    diagnostic({
      code: 'FERRY1349',
      severity: 'warning',
      detail: `Mirroring of ${desired.name} begins at ${from}: what is before it will not be on ${observed.target.name}.${behind.length > 0 ? ` Not read up to there yet: ${behind.join(', ')}; what they miss there they never see.` : ''}`,
      fix: 'Write `startFrom: committed` to begin where the slowest group is, or earliest for everything.',
      at: desired.stageAt,
    }),
  ]
}

type StrandedContext = Pick<PlanContext, 'desired' | 'observed' | 'state'>

/** What came late to the source: behind the seal, and between what is mirrored back; each with what retention has taken of it. Pure. */
export const strandedSeen = ({ desired, observed, state }: StrandedContext) => {
  const seen = ({ topic, partition }: TopicPartition) =>
    partitionAt(observed.source.topics.get(topic), partition)
  // Once a way back is sealed the source counts, where they stand.
  const isGoingBack = rollbackUnderWay({ desired, state }).length > 0
  const there = ({ topic, partition }: TopicPartition) =>
    partitionAt(observed.target.topics.get(topic), partition)?.highWatermark
  const ranges = strandedRanges(state, (seal) => seen(seal)?.highWatermark).filter(
    ({ topic }) => !isGoingBack && sealsStay(topic, state, desired.order, there),
  )
  const late = notSalvaged(observed.lateOnWayBack ?? [], state)
  const starts = new Map(
    [...ranges, ...late].map((range) => [
      partitionKey(range.topic, range.partition),
      seen(range)?.logStart ?? range.from,
    ]),
  )
  return { behindSeal: heldAndGone(ranges, starts), between: heldAndGone(late, starts) }
}

const stranded = (context: PlanContext): readonly Diagnostic[] => {
  if (context.state.stage === 'retired') return []
  const { behindSeal, between } = strandedSeen(context)
  return [
    ...onlyOnSource(context, behindSeal.held, between.held),
    ...onNoCluster(context, [...behindSeal.gone, ...between.gone]),
  ]
}

const onlyOnSource = (
  { desired, observed, state }: StrandedContext,
  ranges: readonly StrandedRange[],
  between: readonly StrandedRange[],
): readonly Diagnostic[] => {
  if (between.length > 0) {
    return [
      diagnostic({
        code: 'FERRY1342',
        severity: 'warning',
        detail: `A producer wrote to ${observed.source.name}, between what is mirrored back to it: ${[...ranges, ...between].map(nameRange).join(', ')}. These records are only on ${observed.source.name}, and nothing more is mirrored back behind them.`,
        fix: `Stop it; then: ferry salvage ${desired.name} appends them to ${observed.target.name}. The way back of ${listed(between)} has ended with them: stay on ${observed.target.name}.`,
      }),
    ]
  }
  if (ranges.length === 0) return []
  const marked = ranges.filter(({ topic }) => placesOf(state.reverse).markedTopics.has(topic))
  return [
    diagnostic({
      code: 'FERRY1342',
      severity: 'warning',
      detail: `A producer wrote to ${observed.source.name} after producers were let onto ${observed.target.name}: ${ranges.map(nameRange).join(', ')}. These records are only on ${observed.source.name}.`,
      fix:
        marked.length === 0
          ? `Stop it; then: ferry salvage ${desired.name}`
          : `Stop it. To stay on ${observed.target.name}: ferry salvage ${desired.name}, which ends the way back of ${listed(marked)} for good. To go back to ${observed.source.name}, where they stand: salvage nothing, and carry on the rollback.`,
    }),
  ]
}

const onNoCluster = (
  { desired, observed }: StrandedContext,
  gone: readonly StrandedRange[],
): readonly Diagnostic[] =>
  gone.length === 0
    ? []
    : [
        diagnostic({
          code: 'FERRY1342',
          severity: 'warning',
          detail: `${goneInWords(observed.source.name, gone)}.`,
          fix: `${desired.name} cannot be retired until somebody gives them up: ${giveUpCommand(desired.name, gone)}. If they are needed, let their producer write them to ${observed.target.name} anew.`,
        }),
      ]

const listed = (ranges: readonly StrandedRange[]): string =>
  [...new Set(ranges.map(({ topic }) => topic))].join(', ')
