import type { TopicSpec } from '../domain/migration.ts'
import type { Stage } from '../domain/stage.ts'
import type { ConfigureTopic } from '../domain/step.ts'
import { configChanges, overrides, topicConfigs } from '../planner/topic-configs.ts'
import { topicsAreSealed } from './gates/index.ts'
import type { PlanContext, StepKind } from './step-kind.ts'

/**
 * Sets topic configs on the target: protective ones before the mirror, final ones right after the seal. Incremental, only keys that
 * Ferry has a say in; never a replace-all.
 */
export const configureTopic: StepKind<ConfigureTopic> = {
  kind: 'configure-topic',

  plan: (context, stage) => {
    if (stage !== 'prepared' && stage !== 'producers-moved') return { steps: [] }
    return { steps: context.desired.topics.flatMap((spec) => planTopic(context, spec, stage)) }
  },

  gates: (step) => (step.phase === 'final' ? [topicsAreSealed([step.topic])] : []),

  apply: async (step, run) => {
    const changes = new Map([[step.topic, new Map(Object.entries(step.set))]])
    const answers = await run.clusters.target.alterTopicConfigs(changes)
    const problem = answers.failed.get(step.topic)
    return problem ? { done: false, problem } : { done: true, facts: { set: step.set } }
  },

  describe: (step) => ({
    symbol: '~',
    noun: 'topic',
    name: step.topic,
    says: `${step.phase} configs: ${Object.entries(step.set)
      .map(([key, value]) => (value === null ? `${key} default` : `${key}=${value}`))
      .join(', ')}`,
  }),
}

const planTopic = (context: PlanContext, spec: TopicSpec, stage: Stage): ConfigureTopic[] => {
  const { observed, state, now: time } = context
  const source = observed.source.topics.get(spec.name)
  if (!source) return []
  const target = observed.target.topics.get(spec.name)
  const configs = topicConfigs(spec, source, observed.target, time)
  const ours = [...configs.protective.keys(), ...configs.final.keys()]
  const sealed = state.seals.some((seal) => seal.topic === spec.name)
  const phase = stage === 'prepared' ? 'protective' : 'final'
  // A topic that is still to be created gets its protective configs at creation; one that is sealed must not get them back.
  if (phase === 'protective' && (!target || sealed)) return []
  const now =
    phase === 'final' && !sealed ? configs.protective : target ? overrides(target) : new Map()
  const { set, was } = configChanges(now, configs[phase], ours, {
    longerIsFine: phase === 'protective',
  })
  if (Object.keys(set).length === 0) return []
  return [
    {
      kind: 'configure-topic',
      id: `configure-topic/${phase}/${spec.name}`,
      stage,
      reason:
        phase === 'protective'
          ? 'until the seal the target must not delete, compact or restamp what is mirrored'
          : 'the copy is complete: the configs that the service runs with can take over',
      undo: { cost: 'restores', says: `restore ${Object.keys(was).length} configs` },
      topic: spec.name,
      phase,
      set,
      was,
    },
  ]
}
