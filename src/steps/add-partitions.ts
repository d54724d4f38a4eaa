import { diagnostic } from '../domain/diagnostic.ts'
import type { TopicSpec } from '../domain/migration.ts'
import type { Stage } from '../domain/stage.ts'
import { placesOf } from '../domain/state-places.ts'
import type { AddPartitions } from '../domain/step.ts'
import { growthOf } from '../planner/grown.ts'
import { counted } from './_words.ts'
import type { PlanContext, StepKind } from './step-kind.ts'

/**
 * Gives a topic of the target the partitions that the source's has got: since its mark, which then covers them too, or since Ferry made
 * it. Never after the seal. Partitions cannot be taken away again; they go with the topic.
 */
export const addPartitions: StepKind<AddPartitions> = {
  kind: 'add-partitions',

  plan: (context, stage) => ({
    steps: context.desired.topics.flatMap((spec) => planTopic(context, spec, stage)),
  }),

  gates: () => [],

  apply: async ({ topic, to }, run) => {
    const { target } = run.clusters
    const described = await target.describeTopics([topic])
    const now = described.ok.get(topic)
    if (now === undefined) return { done: false, problem: described.failed.get(topic)! }
    const there = now === 'absent' ? 0 : now.partitions.length
    if (there === 0 || there > to) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1304',
          detail:
            there === 0
              ? `${topic} is gone from ${target.name}.`
              : `${topic} has ${counted(there, 'partition')} on ${target.name}; the source has ${to}.`,
          fix: 'Look who changes the topic on the target, and make a new plan.',
        }),
      }
    }
    if (there < to) {
      const answers = await target.addPartitions(new Map([[topic, to]]))
      const problem = answers.failed.get(topic)
      if (problem) return { done: false, problem }
    }
    return { done: true, facts: { partitions: to } }
  },

  describe: (step) => ({
    symbol: '+',
    noun: 'topic',
    name: step.topic,
    says: `${counted(step.to - step.from, 'partition')} more, as on the source: ${step.to} then`,
  }),
}

const planTopic = (context: PlanContext, spec: TopicSpec, stage: Stage): AddPartitions[] => {
  const { observed, state } = context
  const source = observed.source.topics.get(spec.name)?.description.partitions.length ?? 0
  const from = observed.target.topics.get(spec.name)?.description.partitions.length ?? source
  if (from >= source) return []
  const growth = growthOf(context, spec.name)
  const isMarked = placesOf(state).markedTopics.has(spec.name)
  const isDue = growth
    ? stage === 'mirrored' && !growth.isSealed
    : stage === 'prepared' && !isMarked && state.createdTopics.includes(spec.name)
  if (!isDue) return []
  return [
    {
      kind: 'add-partitions',
      id: `add-partitions/${spec.name}`,
      stage,
      reason: `${observed.source.name} has ${counted(source, 'partition')} of it now`,
      undo: { cost: 'free', says: 'they stay, empty' },
      topic: spec.name,
      from,
      to: source,
    },
  ]
}
