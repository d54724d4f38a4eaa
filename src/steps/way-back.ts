import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { ReachedStage } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MirrorReverse, SealReverse, Step, VerifyReverse } from '../domain/step.ts'
import { strandedRanges } from '../domain/stranded.ts'
import { forgottenOnWayBack, shortOnSource } from '../planner/forgetting.ts'
import { endedGuards, goneGuard, reverseGuards, salvagedGuard } from '../planner/guards/reverse.ts'
import { type Observed, partitionAt } from '../planner/observed.ts'
import { markReverseStep } from './mark-reverse.ts'
import type { PlanContext } from './step-kind.ts'

/** What producers have written to the target since the seals, by the target's log ends. */
export const writtenOnTarget = (
  state: Pick<MigrationState, 'seals'>,
  { target }: Pick<Observed, 'target'>,
): readonly { readonly seal: Seal; readonly end: bigint }[] =>
  state.seals.flatMap((seal) => {
    const end = target.topics.get(seal.topic)?.partitions[seal.partition]?.highWatermark
    return end === undefined || end <= seal.targetEnd ? [] : [{ seal, end }]
  })

/** Whether something was written to the target after its way back was sealed, by somebody who was not fenced: the rest goes back, too. */
const grewAfterSeal = ({ state, observed }: PlanContext, topic: TopicName): boolean =>
  state.reverse.seals.some(
    (seal) =>
      seal.topic === topic &&
      (partitionAt(observed.target.topics.get(topic), seal.partition)?.highWatermark ?? 0n) >
        seal.sourceEnd,
  )

/** Whether to go back behind the seals means to mirror back first; once it was begun, and a part sealed, it is carried on. */
export const needsWayBack = ({ state, observed }: PlanContext): boolean =>
  state.reverse.seals.length > 0 || writtenOnTarget(state, observed).length > 0

/** Whether the copy of a topic is given up only after the way back: all sealed ones are, so that all end in the same way. */
export const isMirroredBack = ({ state }: PlanContext, topic: TopicName): boolean =>
  placesOf(state).sealedTopics.has(topic) ||
  state.purges.some((purge) => purge.topic === topic && purge.copiedBackTo !== undefined)

/**
 * The way back of all sealed topics, as far as it is not done: marked, mirrored, sealed, verified. Pure. Kind by kind, so that all topics
 * are mirrored back at the same time.
 */
export const wayBack = (
  context: PlanContext,
  leadsTo: ReachedStage,
): { readonly steps: readonly Step[]; readonly problems: readonly Diagnostic[] } => {
  const { state, desired } = context
  const { sealedTopics } = placesOf(state)
  const back = placesOf(state.reverse)
  const topics = [...sealedTopics.keys()].sort()
  const open = topics.filter(
    (topic) => !back.sealedTopics.has(topic) || grewAfterSeal(context, topic),
  )
  const unmarked = open.filter((topic) => !back.markedTopics.has(topic))
  const written = new Map<TopicName, bigint>()
  for (const { seal, end } of writtenOnTarget(state, context.observed)) {
    written.set(seal.topic, (written.get(seal.topic) ?? 0n) + end - seal.targetEnd)
  }
  const base = <K extends string>(kind: K, topic: TopicName) => ({
    kind,
    id: `${kind}/${topic}`,
    stage: leadsTo,
    topic,
    partitions: sealedTopics.get(topic)?.length ?? 0,
  })
  const marks = unmarked.map((topic) =>
    markReverseStep(
      context,
      topic,
      leadsTo,
      'what producers wrote since the seal is only on the target',
    ),
  )
  const mirrors = open.map(
    (topic): MirrorReverse => ({
      ...base('mirror-reverse', topic),
      reason: 'the source must hold what the target holds before anybody goes back',
      undo: { cost: 'free', says: 'free: producers may go on on the target' },
      records: String(written.get(topic) ?? 0n),
      throttle: desired.mirror.throttle ?? null,
    }),
  )
  const seals = open.map(
    (topic): SealReverse => ({
      ...base('seal-reverse', topic),
      reason: 'producers may write to the source only when nothing is left to copy',
      undo: { cost: 'copies-back', says: 'end the rollback, then move again' },
      quietMs: desired.gates.sourceQuietMs,
    }),
  )
  const verifies = topics.map((topic): VerifyReverse => {
    const { partitions: _, ...rest } = base('verify-reverse', topic)
    return {
      ...rest,
      reason: 'the copy on the target is given up only after it was compared',
      undo: { cost: 'free', says: 'nothing to undo' },
    }
  })
  return {
    steps: [...marks, ...mirrors, ...seals, ...verifies],
    problems: [
      ...open.flatMap((topic) =>
        // What the source could not take was seen before it was marked; what was salvaged, or is gone, since counts.
        back.markedTopics.has(topic)
          ? [...salvagedGuard(context, topic), ...goneGuard(context, topic)]
          : reverseGuards(context, topic),
      ),
      ...endedGuards(context, topics),
      ...forgottenOnWayBack(context, open),
      ...shortOnSource(context, topics),
      ...strandedWarnings(context, unmarked),
      ...costs(context, topics),
    ],
  }
}

/** What came late to the source and is not salvaged stays before the mark: groups read it in its place, or cannot go back. */
const strandedWarnings = (
  { state, observed }: PlanContext,
  topics: readonly TopicName[],
): readonly Diagnostic[] =>
  strandedRanges(
    state,
    ({ topic, partition }) =>
      observed.source.topics.get(topic)?.partitions[partition]?.highWatermark,
  )
    .filter(({ topic }) => topics.includes(topic))
    .map(({ topic, partition, from, to }) =>
      diagnostic({
        code: 'FERRY1362',
        severity: 'warning',
        detail: `${topic}:${partition}: offsets ${from} to ${to - 1n} came to ${observed.source.name} after the seal and are not on ${observed.target.name}. What is mirrored back begins behind them.`,
        fix: 'Nothing, if every group has yet to read past the seal on the target. A group that has read further would miss them: its return is refused.',
      }),
    )

/** What it means that the copy is given up. */
const costs = ({ observed }: PlanContext, topics: readonly TopicName[]): readonly Diagnostic[] =>
  topics.flatMap((topic) => {
    const source = observed.source.topics.get(topic)
    if (source === undefined) return []
    const records = source.partitions.reduce((sum, p) => sum + p.highWatermark - p.logStart, 0n)
    return [
      diagnostic({
        code: 'FERRY1361',
        severity: 'warning',
        detail: `The copy of ${topic} on ${observed.target.name} is given up once all of it is on ${observed.source.name}. To move again, ${records.toLocaleString('en-US')} offsets and what is mirrored back now are mirrored anew.`,
        fix: 'Nothing. Services may start on the source when the rollback has ended, not before.',
      }),
    ]
  })
