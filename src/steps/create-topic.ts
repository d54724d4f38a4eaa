import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { TopicSpec } from '../domain/migration.ts'
import {
  type AskedTopic,
  type MigrationState,
  withoutCreated,
  withoutCreating,
} from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { CreateTopic } from '../domain/step.ts'
import type { TopicDescription } from '../kafka/cluster.ts'
import type { Observed, ObservedTopic } from '../planner/observed.ts'
import { effective, topicConfigs } from '../planner/topic-configs.ts'
import { isRefusal } from './_refused.ts'
import { humanDuration } from './_words.ts'
import { notAskedFor } from './own-creation.ts'
import type { PlanContext, Run, StepKind } from './step-kind.ts'

/** Creates a topic of the source on the target, with the same partitions and configs that protect the mirror until the seal. */
export const createTopic: StepKind<CreateTopic> = {
  kind: 'create-topic',

  plan: ({ desired, observed, state, now }, stage) => {
    if (stage !== 'prepared') return { steps: [] }
    const steps = desired.topics.flatMap((spec): CreateTopic[] => {
      const source = observed.source.topics.get(spec.name)
      if (!source) return []
      const step = createStep({ observed, now }, spec, source)
      // One that was mirrored to and is gone is not made anew as if nothing had been in it: a guard says so.
      const isMarked = placesOf(state).markedTopics.has(spec.name)
      if (!observed.target.topics.has(spec.name)) return isMarked ? [] : [step]
      // Nothing may rest on it before it is known who made it.
      const isOpen = state.creating?.some(({ topic }) => topic === spec.name)
      return isOpen ? [{ ...step, reason: WAS_ASKED_FOR, wasAsked: true }] : []
    })
    return { steps }
  },

  undo: ({ desired, state, observed }, { stage, leadsTo, to }) => ({
    steps:
      stage !== 'prepared'
        ? []
        : state.createdTopics.map((topic) => ({
            kind: 'delete-topic',
            id: `delete-topic/${topic}`,
            stage: leadsTo,
            reason: 'Ferry made it, and nothing of it is needed any more',
            undo: { cost: 'copies-back', says: 'make it and mirror again' },
            topic,
            topicId: observed.target.topics.get(topic)?.description.topicId ?? null,
          })),
    problems:
      stage !== 'prepared'
        ? []
        : [
            ...notEmpty(state, observed, `ferry rollback ${desired.name} --to ${to}`),
            ...mayStillCome(state, observed),
          ],
  }),

  gates: () => [],

  apply: async (step, run) => {
    const { target } = run.clusters
    const before = await target.describeTopics([step.topic])
    let now = before.ok.get(step.topic)
    if (now === undefined) return { done: false, problem: before.failed.get(step.topic)! }
    if (now === 'absent') {
      const problem = await make(step, run)
      if (problem) return { done: false, problem }
      now = (await target.describeTopics([step.topic])).ok.get(step.topic)
    } else {
      const why = await notOwn(step, now, run)
      if (why !== undefined) {
        await run.decide((state) => withoutCreated(state, step.topic))
        return { done: false, problem: notMade(step.topic, target.name, why) }
      }
    }
    await run.decide((state) => withoutCreating(state, step.topic))
    const topicId = now === undefined || now === 'absent' ? undefined : now.topicId
    return {
      done: true,
      // By it a run that goes on later knows this topic from another one of its name.
      facts: { partitions: step.partitions, ...(topicId !== undefined && { topicId }) },
    }
  },

  describe: (step) => ({
    symbol: '+',
    noun: 'topic',
    name: step.topic,
    says: [
      `${step.partitions} ${step.partitions === 1 ? 'partition' : 'partitions'}`,
      ...(step.replicationFactor > 0 ? [`rf ${step.replicationFactor}`] : []),
      ...step.notes,
    ].join(', '),
  }),
}

const WAS_ASKED_FOR =
  'it was asked for and no answer came: whether it is that one is looked at first'

/**
 * Recorded before it is made: after a crash in between, or where no answer comes, a topic that Ferry made is still known to be its own. What the
 * target refuses is not, unless it was asked for before: then that may have come in between.
 */
const make = async (step: CreateTopic, run: Run): Promise<Diagnostic | undefined> => {
  const { target } = run.clusters
  const wasAsked = run.state().creating?.some(({ topic }) => topic === step.topic) ?? false
  await run.decide((state) => ({
    ...withoutCreated(state, step.topic),
    createdTopics: [...new Set([...state.createdTopics, step.topic])].sort(),
    creating: [...(withoutCreating(state, step.topic).creating ?? []), askedOf(step)],
  }))
  const { topic: name, partitions, replicationFactor, configs } = askedOf(step)
  const created = await target.createTopics([{ name, partitions, replicationFactor, configs }])
  const problem = created.failed.get(name)
  if (problem && isRefusal(problem) && !wasAsked) {
    await run.decide((state) => withoutCreated(state, name))
  }
  return problem
}

const askedOf = ({ topic, partitions, replicationFactor, configs }: CreateTopic): AskedTopic => ({
  topic,
  partitions,
  replicationFactor,
  configs: new Map(Object.entries(configs)),
})

/** Why a topic that is there is not Ferry's own; undefined: it is. */
const notOwn = async (
  step: CreateTopic,
  there: TopicDescription,
  run: Run,
): Promise<string | undefined> => {
  const { createdTopics, creating = [] } = run.state()
  if (!createdTopics.includes(step.topic)) return 'Ferry did not make it'
  const asked = creating.find(({ topic }) => topic === step.topic) ?? askedOf(step)
  const why = await notAskedFor(run.clusters.target, asked, there)
  return why && `It is not the one that Ferry asked for: ${why}`
}

const notMade = (topic: TopicName, target: string, why: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1401',
    detail: `${topic} has appeared on ${target} since the plan was made. ${why}.`,
    fix: `Make a new plan: it says what has to change there before it can be mirrored to. Delete it first, if it is nobody's.`,
  })

/** Topics that Ferry made but never marked: what they hold is somebody else's. Marked ones are looked at when their mark is taken back. */
const notEmpty = (
  state: MigrationState,
  { target }: Observed,
  again: string,
): readonly Diagnostic[] =>
  state.createdTopics.flatMap((topic) => {
    // Whose it is the step that deletes it finds out, and leaves it if it is not Ferry's.
    if (state.creating?.some((asked) => asked.topic === topic)) return []
    if ([...state.marks, ...state.markIntents, ...state.purges].some((m) => m.topic === topic))
      return []
    const used = target.topics.get(topic)?.partitions.find((p) => p.highWatermark > p.logStart)
    if (!used) return []
    return [
      diagnostic({
        code: 'FERRY1331',
        detail: `${topic}-${used.partition} on ${target.name} holds offsets ${used.logStart} to ${used.highWatermark - 1n}, which Ferry did not write.`,
        fix: `Look at the topic. If nobody needs it, delete it there by hand (\`kafka-topics.sh --delete\`); then \`${again}\` goes on.`,
      }),
    ]
  })

/** A creation that timed out may end in the controller later than anybody looks. */
const mayStillCome = (
  { creating = [] }: MigrationState,
  { target }: Observed,
): readonly Diagnostic[] =>
  creating
    .filter(({ topic }) => !target.topics.has(topic))
    .map(({ topic }) =>
      diagnostic({
        code: 'FERRY1354',
        severity: 'warning',
        detail: `No answer came when Ferry asked ${target.name} for topic ${topic}, and it is not there. Should it come after the rollback, nothing deletes it.`,
        fix: `Look for ${topic} on ${target.name} after the rollback, and delete it by hand if it came.`,
      }),
    )

/** The step that makes one topic, as the source has it and with the configs that protect it until the seal. */
export const createStep = (
  { observed, now }: Pick<PlanContext, 'observed' | 'now'>,
  spec: TopicSpec,
  source: ObservedTopic,
): CreateTopic => {
  const configs = topicConfigs(spec, source, observed.target, now)
  const retention = configs.protective.get('retention.ms')
  const sourceRetention = effective(source, 'retention.ms')
  return {
    kind: 'create-topic',
    id: `create-topic/${spec.name}`,
    stage: 'prepared',
    reason: `${observed.target.name} has no topic of this name`,
    undo: { cost: 'free', says: 'delete (empty)' },
    topic: spec.name,
    partitions: source.description.partitions.length,
    replicationFactor: spec.replicationFactor ?? -1,
    configs: Object.fromEntries(configs.protective),
    notes: [
      ...(retention === undefined
        ? []
        : [
            `retention ${humanDuration(retention)} until the seal (source: ${humanDuration(sourceRetention)})`,
          ]),
      ...(configs.leftBehind.length > 0
        ? [`not carried over: ${configs.leftBehind.join(', ')}`]
        : []),
    ],
  }
}
