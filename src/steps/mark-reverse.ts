import { valuesOf } from '../domain/answers.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  partitionKey,
  type SourceOffset,
  type TargetOffset,
  type TopicName,
} from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { Migration } from '../domain/migration.ts'
import type { ReachedStage, Stage } from '../domain/stage.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MarkReverse } from '../domain/step.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { chooseReverse } from '../planner/choose-reverse.ts'
import { shortOnSource } from '../planner/forgetting.ts'
import { closedWayBack, hasWayBack, reverseGuards } from '../planner/guards/reverse.ts'
import { counted } from './_words.ts'
import { topicsAreSealed } from './gates/index.ts'
import { lateRecords } from './late-records.ts'
import { offsetsOf } from './partitions-now.ts'
import type { PlanContext, StepKind } from './step-kind.ts'

/**
 * Marks where the way back of a sealed topic begins: at the sealed end on the target, and where the source's log ends now. Nothing is
 * written to the source before that is decided.
 */
export const markReverse: StepKind<MarkReverse> = {
  kind: 'mark-reverse',

  plan: (context, stage) => {
    const { desired } = context
    if (stage !== warmFrom(desired) || !desired.rollback.keepSourceWarm) return { steps: [] }
    const { observed, state } = context
    const { markedTopics } = placesOf(state.reverse)
    const due = desired.topics
      .map(({ name }) => name)
      // A seal that is opened again takes the mark with it.
      .filter(
        (topic) =>
          !markedTopics.has(topic) || lateRecords(topic, observed, state, desired.order) > 0n,
      )
    const cold = due.filter((topic) => staysCold(context, stage, topic))
    const topics = due.filter((topic) => !cold.includes(topic))
    return {
      steps: topics.map((topic) =>
        markReverseStep(context, topic, stage, 'the file keeps the source warm'),
      ),
      problems: [
        ...topics.flatMap((topic) => reverseGuards(context, topic)),
        ...cold.flatMap((topic) => coldWarnings(context, topic)),
        ...shortOnSource(context, topics),
      ],
    }
  },

  undo: (context, { stage, to }) => {
    if (stage !== 'consumers-moved' || to !== 'producers-moved') return { steps: [] }
    return {
      steps: [],
      problems: context.state.reverse.marks.length === 0 ? [] : [wouldBeRead(context)],
    }
  },

  // Right before WRITE is granted nothing can have come to either side; what is mirrored back later in a rollback may begin behind late records.
  gates: (step) => (step.stage === 'producers-moved' ? [topicsAreSealed([step.topic])] : []),

  apply: async (step, run) => {
    if (run.state().reverse.marks.some((mark) => mark.topic === step.topic))
      return { done: true, facts: {} }
    const { source, target } = run.clusters
    const seals = run.state().seals.filter((seal) => seal.topic === step.topic)
    const [records, markers] = [await source.initProducerId(), await source.initProducerId()]
    const [sourceTopicId, targetTopicId] = [
      await topicIdOf(source, step.topic),
      await topicIdOf(target, step.topic),
    ]
    const ends = await offsetsOf(source, seals, 'latest')
    const at = run.now().toISOString()
    const marks = seals.map(({ topic, partition, targetEnd, at: since }): Mark => {
      const end = ends.get(partitionKey(topic, partition))!
      return {
        topic,
        partition,
        sourceCluster: target.id,
        targetCluster: source.id,
        ...(targetTopicId && { sourceTopicId: targetTopicId }),
        ...(sourceTopicId && { targetTopicId: sourceTopicId }),
        sourceStart: targetEnd as bigint as SourceOffset,
        targetStart: end as TargetOffset,
        mode: step.mode === 'identical' && end === targetEnd ? 'identical' : 'dense',
        producerId: records.producerId,
        producerEpoch: records.epoch,
        fillerProducerId: markers.producerId,
        at,
        since,
        way: 'reverse',
      }
    })
    await run.decide((state) => ({
      ...state,
      reverse: { ...state.reverse, marks: [...state.reverse.marks, ...marks] },
    }))
    return {
      done: true,
      facts: {
        starts: Object.fromEntries(
          marks.map((m) => [
            `${m.topic}:${m.partition}`,
            `${m.sourceStart} -> ${m.targetStart}, ${m.mode}`,
          ]),
        ),
      },
    }
  },

  describe: (step) => ({
    symbol: '*',
    noun: 'mark back',
    name: step.topic,
    says:
      `${counted(step.partitions, 'partition')}, target to source, ` +
      (step.mode === 'dense'
        ? `dense offsets (${step.because})`
        : 'identical offsets where both ends are the same number'),
  }),
}

/**
 * From when on a source is kept warm: once nobody of the service reads there any more. A group that is still to move would read what is mirrored
 * back, past the seal, where it has no place on the target.
 */
export const warmFrom = ({ order }: Pick<Migration, 'order'>): Stage =>
  order === 'producers-first' ? 'consumers-moved' : 'producers-moved'

/**
 * Where producers have moved first, groups must follow them, whatever became of the way back since: to stop them would leave what producers write
 * without a reader. Before anybody has moved what stands against a warm source is an error.
 */
const staysCold = (context: PlanContext, stage: Stage, topic: TopicName): boolean =>
  stage === 'consumers-moved' &&
  context.state.seals.length > 0 &&
  !placesOf(context.state.reverse).markedTopics.has(topic) &&
  !hasWayBack(context, topic)

/** No right is asked for: nothing of it is mirrored back. */
const coldWarnings = (context: PlanContext, topic: TopicName): readonly Diagnostic[] =>
  reverseGuards(context, topic)
    .filter(({ code }) => code === 'FERRY1360')
    .map((found) => ({
      ...found,
      severity: 'warning',
      detail: `${context.observed.source.name} is not kept warm for ${topic}, as rollback.keepSourceWarm asks for: ${found.detail}`,
      fix: `${found.fix} The plan goes on forwards without it.`,
    }))

const wouldBeRead = (context: PlanContext): Diagnostic => {
  const { source, target } = context.observed
  const closed = closedWayBack(context)
  return diagnostic({
    code: 'FERRY1330',
    detail: `What producers write to ${target.name} is mirrored back to ${source.name} (rollback.keepSourceWarm). Groups that went back alone would read it there, past the seal, and could not be moved again without reading it twice.`,
    fix: closed
      ? `Leave them on ${target.name}: to take all of it back is refused, too (${closed.code}). ${closed.detail}`
      : `Leave them on ${target.name}, or take all of it back: \`ferry rollback ${context.desired.name} --to prepared\`.`,
  })
}

/** The step that marks one topic. */
export const markReverseStep = (
  context: PlanContext,
  topic: TopicName,
  stage: ReachedStage,
  reason: string,
): MarkReverse => ({
  kind: 'mark-reverse',
  id: `mark-reverse/${topic}`,
  stage,
  reason,
  undo: { cost: 'free', says: 'free' },
  topic,
  partitions: context.observed.source.topics.get(topic)?.partitions.length ?? 0,
  ...chooseReverse(context, topic),
})

const topicIdOf = async (cluster: Cluster, topic: TopicName): Promise<string | undefined> => {
  const found = valuesOf(await cluster.describeTopics([topic])).get(topic)
  return found === undefined || found === 'absent' ? undefined : found.topicId
}
