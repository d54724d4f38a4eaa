import { failureOf } from '../domain/answers.ts'
import { withoutMarked } from '../domain/emptied.ts'
import {
  type PartitionKey,
  partitionKey,
  type SourceOffset,
  type TargetOffset,
} from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { TopicSpec } from '../domain/migration.ts'
import type { MarkIntent, MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MarkTopic } from '../domain/step.ts'
import { chooseMode, type ModeChoice, PRIME_RATE } from '../planner/choose-mode.ts'
import { type Growth, growthOf } from '../planner/grown.ts'
import type { ObservedPartition, ObservedTopic } from '../planner/observed.ts'
import { onceEmptied } from '../planner/with-emptied.ts'
import { counted, humanSeconds } from './_words.ts'
import { emptyAgain } from './empty-topic.ts'
import { foreignRecords, forgetMarkStep, giveUpCopyStep, isHalfGivenUp } from './forget-mark.ts'
import { lookAtLogStarts } from './gates/index.ts'
import { emptyStarts, partitionsOf, primedStarts, type Start } from './mark-starts.ts'
import { plannedStart } from './start-from.ts'
import type { Run, StepKind } from './step-kind.ts'
import { isMirroredBack } from './way-back.ts'

/**
 * Primes a topic (identical offsets only) and marks it: from then on it is fixed where each partition's copy begins, and under which
 * producer id. A mark is written once, before the first record is copied.
 */
export const markTopic: StepKind<MarkTopic> = {
  kind: 'mark-topic',

  plan: ({ desired, observed, state }, stage) => {
    if (stage !== 'mirrored') return { steps: [] }
    const steps = desired.topics.flatMap((spec): MarkTopic[] => {
      const source = observed.source.topics.get(spec.name)
      const growth = growthOf({ observed, state }, spec.name)
      if (source && growth && !growth.isSealed) return [markNew(spec, source, growth, state)]
      if (!source || placesOf(state).markedTopics.has(spec.name)) return []
      const intent = state.markIntents.find((i) => i.topic === spec.name)
      const startOf = (p: ObservedPartition) => plannedStart(desired, observed.source, spec.name, p)
      const there = observed.target.topics.get(spec.name)
      const isEmptiedFirst = isHalfGivenUp({ observed, state }, spec.name)
      const choice = chooseMode(
        spec,
        source,
        there && isEmptiedFirst ? onceEmptied(there) : there,
        startOf,
        observed.target.cluster.authorized,
      )
      // A prime that was begun is carried on: its filler is on the target already.
      const mode = intent?.mode ?? choice.mode
      const because = intent ? 'a prime was begun' : choice.because
      const prime = source.partitions.reduce((sum, p) => sum + startOf(p), 0n)
      const chosen = { mode, because, prime }
      return [markStep(spec, source, chosen, 'mirroring of this topic has not begun')]
    })
    return { steps }
  },

  undo: (context, { stage, leadsTo, mirrorsBack }) => {
    if (stage !== 'mirrored') return { steps: [] }
    const { marks, markIntents, purges } = context.state
    const topics = new Set([...marks, ...markIntents, ...purges].map((each) => each.topic))
    return {
      steps: [...topics]
        .sort()
        .map((topic) =>
          mirrorsBack && isMirroredBack(context, topic)
            ? giveUpCopyStep(context, topic, leadsTo)
            : forgetMarkStep(context, topic, leadsTo),
        ),
      problems: [...topics].flatMap((topic) => foreignRecords(context, topic)),
    }
  },

  gates: () => [],

  apply: async (step, run) => {
    const first = step.first ?? 0
    if (run.state().marks.some((mark) => mark.topic === step.topic && mark.partition >= first))
      return { done: true, facts: {} }
    const partitions = partitionsOf(step)
    const isFirst =
      step.first === undefined && !run.state().markIntents.some((i) => i.topic === step.topic)
    const problem = await emptyAgain(step.topic, run)
    if (problem) return { done: false, problem }
    const intent = await intentOf(step, run)
    const starts =
      step.mode === 'identical'
        ? await primedStarts(step, partitions, intent, isFirst, run)
        : await emptyStarts(step, partitions, run)
    const marks = await marksOf(step, intent, starts, run)
    await run.decide((state) => ({
      ...state,
      clusters: { source: run.clusters.source.id, target: run.clusters.target.id },
      marks: [...state.marks, ...marks],
      markIntents: state.markIntents.filter((i) => i.topic !== step.topic),
      // Nothing is left of an earlier copy: the topic was found empty.
      purges: state.purges.filter((purge) => purge.topic !== step.topic),
      emptied: withoutMarked(state.emptied ?? [], marks),
    }))
    await lookAtLogStarts(run)
    return {
      done: true,
      facts: {
        mode: step.mode,
        starts: Object.fromEntries(
          [...starts].map(([key, s]) => [key, `${s.source} -> ${s.target}`]),
        ),
      },
    }
  },

  describe: (step) => ({
    symbol: '*',
    noun: 'mark',
    name: step.topic,
    says:
      `${counted(step.partitions - (step.first ?? 0), `${step.first === undefined ? '' : 'new '}partition`)}, ${step.mode} offsets` +
      (step.mode === 'dense'
        ? ` (${step.because})`
        : step.prime === '0'
          ? ', nothing to prime'
          : `, prime ${BigInt(step.prime).toLocaleString('en-US')} (${humanSeconds(Number(BigInt(step.prime) / PRIME_RATE))})`),
  }),
}

/** The step that marks one topic. */
export const markStep = (
  spec: TopicSpec,
  source: ObservedTopic,
  { mode, because, prime }: ModeChoice,
  reason: string,
): MarkTopic => {
  return {
    kind: 'mark-topic',
    id: `mark-topic/${spec.name}`,
    stage: 'mirrored',
    reason,
    undo: { cost: 'free', says: 'free' },
    topic: spec.name,
    partitions: source.partitions.length,
    mode,
    because,
    prime: String(mode === 'identical' ? prime : 0n),
  }
}

/** New partitions are mirrored as those before, under the same producer id (sequences are per partition), and from their beginning. */
const markNew = (
  spec: TopicSpec,
  source: ObservedTopic,
  growth: Growth,
  state: MigrationState,
): MarkTopic => {
  const before = state.marks.find((mark) => mark.topic === spec.name)!
  const added = source.partitions.filter((p) => p.partition >= growth.marked)
  const chosen = {
    mode: before.mode,
    because: 'as the partitions before',
    prime: added.reduce((sum, p) => sum + p.logStart, 0n),
  }
  const reason = `${counted(added.length, 'partition')} came on the source since the mark`
  return {
    ...markStep(spec, source, chosen, reason),
    id: `mark-topic/${spec.name}/${growth.marked}`,
    first: growth.marked,
  }
}

/** Takes the producer ids before anything is written with them, so that a crash leaves nothing on the target that is not known. */
const intentOf = async (step: MarkTopic, run: Run): Promise<MarkIntent> => {
  if (step.first !== undefined) return ofTheFirst(step, run)
  const known = run.state().markIntents.find((i) => i.topic === step.topic)
  if (known) return known
  const [records, filler] = [
    await run.clusters.target.initProducerId(),
    await run.clusters.target.initProducerId(),
  ]
  const intent: MarkIntent = {
    topic: step.topic,
    mode: step.mode,
    producerId: records.producerId,
    producerEpoch: records.epoch,
    fillerProducerId: filler.producerId,
    fillerProducerEpoch: filler.epoch,
  }
  await run.decide((state) => ({ ...state, markIntents: [...state.markIntents, intent] }))
  return intent
}

const ofTheFirst = ({ topic, mode }: MarkTopic, run: Run): MarkIntent => {
  const mark = run.state().marks.find((each) => each.topic === topic)
  if (mark === undefined) throw new Error(`${topic} has no mark whose partitions could be added to`)
  const { producerId, producerEpoch, fillerProducerId } = mark
  // Both ids were new when the mark was made, and a new id has epoch 0.
  return { topic, mode, producerId, producerEpoch, fillerProducerId, fillerProducerEpoch: 0 }
}

const marksOf = async (
  step: MarkTopic,
  intent: MarkIntent,
  starts: ReadonlyMap<PartitionKey, Start>,
  run: Run,
): Promise<readonly Mark[]> => {
  const { source, target } = run.clusters
  const [here, there] = await Promise.all([
    source.describeTopics([step.topic]),
    target.describeTopics([step.topic]),
  ])
  const idOf = (answer: typeof here): string | undefined => {
    const topic = answer.ok.get(step.topic)
    if (topic === undefined) throw failureOf(answer)
    return topic === 'absent' ? undefined : topic.topicId
  }
  const sourceTopicId = idOf(here)
  const targetTopicId = idOf(there)
  const at = run.now().toISOString()
  return partitionsOf(step).map(({ partition }): Mark => {
    const start = starts.get(partitionKey(step.topic, partition))!
    return {
      topic: step.topic,
      partition,
      sourceCluster: source.id,
      targetCluster: target.id,
      ...(sourceTopicId ? { sourceTopicId } : {}),
      ...(targetTopicId ? { targetTopicId } : {}),
      sourceStart: start.source as SourceOffset,
      targetStart: start.target as TargetOffset,
      mode: step.mode,
      producerId: intent.producerId,
      producerEpoch: intent.producerEpoch,
      fillerProducerId: intent.fillerProducerId,
      at,
    }
  })
}
