import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Emptied } from '../domain/emptied.ts'
import { type PartitionKey, parsePartitionKey, type TopicName } from '../domain/ids.ts'
import { isOther } from '../domain/mark.ts'
import type { ReachedStage } from '../domain/stage.ts'
import type { Purge } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { ForgetMark } from '../domain/step.ts'
import type { TopicDescription } from '../kafka/cluster.ts'
import { counted } from './_words.ts'
import { emptyTopic } from './empty-topic.ts'
import { wayBackIsSealed } from './gates/index.ts'
import type { PlanContext, Run, StepKind } from './step-kind.ts'
import { untilSettled, withoutSalvages } from './withdraw-salvages.ts'

/** Takes the mark of a topic back and empties the target topic, so that a new mark can be made there. */
export const forgetMark: StepKind<ForgetMark> = {
  kind: 'forget-mark',

  /** What a resync or a rollback that was left has given up and not emptied: the next mark finds it, and must not take it for somebody else's. */
  plan: (context, stage) => ({
    steps:
      stage !== 'prepared'
        ? []
        : context.desired.topics
            .filter(({ name }) => isHalfGivenUp(context, name))
            .map(({ name }) => ({
              ...forgetMarkStep(context, name, stage),
              reason: 'giving it up was begun, and it is not emptied yet',
            })),
  }),

  gates: (step) => (step.purge === 'copied-back' ? [wayBackIsSealed([step.topic])] : []),

  /**
   * 1. Take the marks out of what is mirrored: every mirror lets the topic go. What was salvaged goes with the copy, once nothing of it can
   *    still arrive.
   * 2. Hold the lock on its partitions; wait out what is still on its way.
   * 3. See that all of it is the mirror's copy; delete it.
   */
  apply: async (step, run) => {
    const { target } = run.clusters
    const described = await target.describeTopics([step.topic])
    const topic = described.ok.get(step.topic)
    if (topic === undefined) return { done: false, problem: described.failed.get(step.topic)! }
    await untilSettled(step.topic, run)
    await putAside(step, run, topic)
    const purge = run.state().purges.find((p) => p.topic === step.topic)
    let now: readonly Emptied[] = []
    if (topic !== 'absent' && purge !== undefined) {
      const purged = await emptyTopic(topic, purge, step.purge, run)
      if (purged.problem) return { done: false, problem: purged.problem }
      const { topicId } = topic
      // Without an id nobody could tell another topic of this name from it.
      if (topicId !== undefined) {
        now = [{ topic: step.topic, targetTopicId: topicId, ends: purged.ends }]
      }
    }
    if (topic === 'absent' || purge !== undefined) {
      await run.decide((state) => ({
        ...state,
        purges: state.purges.filter((p) => p.topic !== step.topic),
        emptied: [...(state.emptied ?? []).filter((each) => each.topic !== step.topic), ...now],
      }))
    }
    return {
      done: true,
      facts: { marks: purge?.marks.map((m) => `${m.partition}: ${m.sourceStart}`) ?? [] },
    }
  },

  describe: (step) => ({
    symbol: '-',
    noun: 'copy',
    name: step.topic,
    says:
      `forget the mark and empty the target topic (${counted(BigInt(step.records), 'record')}, ${HOLDS[step.purge]})` +
      step.losing
        .map(({ group, positions }) => `; ${group} loses ${counted(positions, 'position')} in it`)
        .join(''),
  }),
}

const HOLDS: Readonly<Record<ForgetMark['purge'], string>> = {
  copy: "if all is the mirror's",
  'copied-back': 'all of which the source holds',
  all: 'also what others wrote there',
}

const putAside = async (
  step: ForgetMark,
  run: Run,
  target: TopicDescription | 'absent',
): Promise<void> => {
  const state = run.state()
  const marks = state.marks.filter((mark) => mark.topic === step.topic)
  const intent = state.markIntents.find((i) => i.topic === step.topic) ?? null
  if (marks.length === 0 && intent === null) return
  const back = state.reverse.seals.filter((seal) => seal.topic === step.topic)
  const ended = back.map(({ partition, sourceEnd }) => ({ partition, end: sourceEnd }))
  // A mark that was begun behind a copy that was given up by half: the topic still holds that, unless it is another one.
  const left = state.purges.find((p) => p.topic === step.topic)
  const isThere = left !== undefined && target !== 'absent' && mayHold(target, left)
  const before = marks.length === 0 && isThere ? left : undefined
  const copiedBackTo = ended.length > 0 ? ended : (before?.copiedBackTo ?? [])
  await run.decide((s) => ({
    ...s,
    marks: s.marks.filter((mark) => mark.topic !== step.topic),
    markIntents: s.markIntents.filter((i) => i.topic !== step.topic),
    seals: s.seals.filter((seal) => seal.topic !== step.topic),
    acceptedGaps: s.acceptedGaps.filter((gap) => gap.topic !== step.topic),
    salvages: withoutSalvages(s, step.topic),
    lost: s.lost.filter((range) => range.topic !== step.topic),
    cleaned: (s.cleaned ?? []).filter(({ topic }) => topic !== step.topic),
    syncs: s.syncs.map(({ marked, adding, ...sync }) => ({
      ...sync,
      positions: outsideOf(step.topic, sync.positions),
      ...(marked && { marked: new Map([...marked].filter(([topic]) => topic !== step.topic)) }),
      ...(adding && { adding: outsideOf(step.topic, adding) }),
    })),
    purges: [
      ...s.purges.filter((p) => p.topic !== step.topic),
      {
        topic: step.topic,
        marks: before?.marks ?? marks,
        intent,
        ...(copiedBackTo.length > 0 && { copiedBackTo }),
      },
    ],
    reverse: {
      marks: s.reverse.marks.filter((mark) => mark.topic !== step.topic),
      seals: s.reverse.seals.filter((seal) => seal.topic !== step.topic),
      ...(s.reverse.own && { own: s.reverse.own.filter(({ topic }) => topic !== step.topic) }),
    },
  }))
}

const outsideOf = <V>(topic: TopicName, positions: ReadonlyMap<PartitionKey, V>) =>
  new Map([...positions].filter(([key]) => parsePartitionKey(key).topic !== topic))

/** True while the copy of a mark that was taken back is still in its topic. Not where that is gone or another one: the copy went with it. */
export const isHalfGivenUp = (
  { observed, state }: Pick<PlanContext, 'observed' | 'state'>,
  topic: TopicName,
): boolean => {
  const purge = state.purges.find((each) => each.topic === topic)
  const target = observed.target.topics.get(topic)
  if (purge === undefined || target === undefined || purge.copiedBackTo !== undefined) return false
  // A mark that was made since has found the topic empty.
  if (placesOf(state).markedTopics.has(topic)) return false
  return mayHold(target.description, purge)
}

const mayHold = ({ topicId }: TopicDescription, { marks }: Purge): boolean =>
  !isOther(marks[0]?.targetTopicId, topicId)

/** The step that takes the mark of one topic back, as far as only the mirror's copy is in it. */
export const forgetMarkStep = (
  { observed }: PlanContext,
  topic: TopicName,
  leadsTo: ReachedStage,
): ForgetMark => {
  const target = observed.target.topics.get(topic)
  return {
    kind: 'forget-mark',
    id: `forget-mark/${topic}`,
    stage: leadsTo,
    reason: 'nobody reads the copy any more',
    undo: { cost: 'copies-back', says: 'mirror it again' },
    topic,
    partitions: target?.partitions.length ?? 0,
    purge: 'copy',
    records: String(
      (target?.partitions ?? []).reduce((sum, p) => sum + p.highWatermark - p.logStart, 0n),
    ),
    losing: [],
  }
}

/** The same for a topic that producers wrote to after the seal, once all of it is on the source. */
export const giveUpCopyStep = (
  context: PlanContext,
  topic: TopicName,
  leadsTo: ReachedStage,
): ForgetMark => {
  const synced = new Set(context.state.syncs.map((sync) => sync.group))
  return {
    ...forgetMarkStep(context, topic, leadsTo),
    reason: 'the source holds all of it; the next copy is made anew',
    undo: { cost: 'copies-back', says: 'mirror all of it anew' },
    purge: 'copied-back',
    losing: (context.readers.get(topic) ?? []).filter(({ group }) => !synced.has(group)),
  }
}

/** Where a mirror has seen that others wrote to the target; what comes later, the step itself sees. */
export const foreignRecords = (
  { progress, state, desired }: PlanContext,
  topic: TopicName,
): readonly Diagnostic[] =>
  [...progress.values()].flatMap(({ problem, producerId, ...p }) =>
    p.topic === topic &&
    problem?.code === 'FERRY1604' &&
    state.marks.some((mark) => mark.topic === topic && mark.producerId === producerId)
      ? [
          diagnostic({
            code: 'FERRY1331',
            detail: problem.detail,
            fix: `Look at those records. If nobody needs them: \`ferry resync ${desired.name} --topic ${topic}\` empties the topic, theirs too, once you confirm it, and mirrors it again.`,
          }),
        ]
      : [],
  )
