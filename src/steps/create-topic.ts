import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { TopicSpec } from '../domain/migration.ts'
import type { MigrationState } from '../domain/state.ts'
import type { CreateTopic } from '../domain/step.ts'
import type { Observed, ObservedTopic } from '../planner/observed.ts'
import { effective, topicConfigs } from '../planner/topic-configs.ts'
import { humanDuration } from './_words.ts'
import type { PlanContext, Run, StepKind } from './step-kind.ts'

/** Creates a topic of the source on the target, with the same partitions and configs that protect the mirror until the seal. */
export const createTopic: StepKind<CreateTopic> = {
  kind: 'create-topic',

  plan: ({ desired, observed, now }, stage) => {
    if (stage !== 'prepared') return { steps: [] }
    const steps = desired.topics.flatMap((spec): CreateTopic[] => {
      const source = observed.source.topics.get(spec.name)
      if (!source || observed.target.topics.has(spec.name)) return []
      return [createStep({ observed, now }, spec, source)]
    })
    return { steps }
  },

  undo: ({ state, observed }, { stage, leadsTo }) => ({
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
    problems: stage !== 'prepared' ? [] : notEmpty(state, observed),
  }),

  gates: () => [],

  apply: async (step, run) => {
    const { target } = run.clusters
    const before = await target.describeTopics([step.topic])
    const now = before.ok.get(step.topic)
    if (now === undefined) return { done: false, problem: before.failed.get(step.topic)! }
    if (now === 'absent') {
      // Recorded before it is made: after a crash in between, a topic that Ferry made is still known to be its own.
      await record(step.topic, run)
      const created = await target.createTopics([
        {
          name: step.topic,
          partitions: step.partitions,
          replicationFactor: step.replicationFactor,
          configs: new Map(Object.entries(step.configs)),
        },
      ])
      const problem = created.failed.get(step.topic)
      if (problem) {
        await run.decide((state) => ({
          ...state,
          createdTopics: state.createdTopics.filter((topic) => topic !== step.topic),
        }))
        return { done: false, problem }
      }
    } else if (!run.state().createdTopics.includes(step.topic)) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1401',
          detail: `${step.topic} has appeared on ${target.name} since the plan was made, with ${now.partitions.length} partitions. Ferry did not make it.`,
          fix: `Make a new plan: it says what has to change there before it can be mirrored to. Delete it first, if it is nobody's.`,
        }),
      }
    }
    return { done: true, facts: { partitions: step.partitions } }
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

const record = (topic: TopicName, run: Run): Promise<void> =>
  run.decide((state) =>
    state.createdTopics.includes(topic)
      ? state
      : { ...state, createdTopics: [...state.createdTopics, topic].sort() },
  )

/** Topics that Ferry made but never marked: what they hold is somebody else's. Marked ones are looked at when their mark is taken back. */
const notEmpty = (state: MigrationState, { target }: Observed): readonly Diagnostic[] =>
  state.createdTopics.flatMap((topic) => {
    if ([...state.marks, ...state.markIntents, ...state.purges].some((m) => m.topic === topic))
      return []
    const used = target.topics.get(topic)?.partitions.find((p) => p.highWatermark > p.logStart)
    if (!used) return []
    return [
      diagnostic({
        code: 'FERRY1331',
        detail: `${topic}-${used.partition} on ${target.name} holds offsets ${used.logStart} to ${used.highWatermark - 1n}, which Ferry did not write.`,
        fix: 'Look at the topic. Delete it by hand if nobody needs it, then plan again.',
      }),
    ]
  })

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
