import type { TopicName } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { Order } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { ReopenTopic } from '../domain/step.ts'
import { sealsStay } from '../domain/stranded.ts'
import { type Observed, partitionAt } from '../planner/observed.ts'
import { counted } from './_words.ts'
import { nothingOnlyOnTarget } from './gates/index.ts'
import type { StepKind } from './step-kind.ts'

/** Takes a seal back, because a record came late to the source while the target was still closed to producers. */
export const reopenTopic: StepKind<ReopenTopic> = {
  kind: 'reopen-topic',

  plan: ({ desired, observed, state }, stage) => {
    if (stage !== 'producers-moved') return { steps: [] }
    const steps = desired.topics.flatMap((spec): ReopenTopic[] => {
      const late = lateRecords(spec.name, observed, state, desired.order)
      return late === 0n
        ? []
        : [
            {
              kind: 'reopen-topic',
              id: `reopen-topic/${spec.name}`,
              stage,
              reason: 'a producer wrote to the source after the seal',
              undo: { cost: 'free', says: 'seal it again' },
              topic: spec.name,
              late: String(late),
            },
          ]
    })
    return { steps }
  },

  gates: (step) => [nothingOnlyOnTarget([step.topic])],

  apply: async (step, run) => {
    await run.decide((state) => ({
      ...state,
      seals: state.seals.filter((s) => s.topic !== step.topic),
      lost: state.lost.filter((range) => range.topic !== step.topic),
      // Nothing was written behind the seal: there is nothing on its way back.
      reverse: {
        marks: state.reverse.marks.filter((mark) => mark.topic !== step.topic),
        seals: state.reverse.seals.filter((s) => s.topic !== step.topic),
        ...(state.reverse.own && {
          own: state.reverse.own.filter(({ topic }) => topic !== step.topic),
        }),
      },
    }))
    return { done: true, facts: { late: step.late } }
  },

  describe: (step) => ({
    symbol: '!',
    noun: 'reopen',
    name: step.topic,
    says:
      step.late === '0'
        ? 'take the seal back'
        : `${counted(BigInt(step.late), 'record')} came after the seal`,
  }),
}

/** Records on the source above the seals of a topic that can be opened again; 0 once they stay. */
export const lateRecords = (
  topic: TopicName,
  observed: Observed,
  state: MigrationState,
  order: Order,
): bigint => {
  const there = observed.target.topics.get(topic)
  const ends = ({ partition }: Seal) => partitionAt(there, partition)?.highWatermark
  if (sealsStay(topic, state, order, ends)) return 0n
  const source = observed.source.topics.get(topic)
  if (!source) return 0n
  const seals = placesOf(state).sealedTopics.get(topic) ?? []
  return seals.reduce((sum, seal) => {
    const end = source.partitions[seal.partition]?.highWatermark ?? seal.sourceEnd
    return end > seal.sourceEnd ? sum + end - seal.sourceEnd : sum
  }, 0n)
}
