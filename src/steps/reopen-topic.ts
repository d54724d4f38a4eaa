import type { ConfigureTopic, ReopenTopic } from '../domain/step.ts'
import { nameRange } from '../domain/stranded.ts'
import { counted } from './_words.ts'
import { protectAgain } from './configure-topic.ts'
import { nothingOnlyOnTarget } from './gates/index.ts'
import { lateRecords } from './late-records.ts'
import type { StepKind } from './step-kind.ts'
import {
  pendingSalvages,
  somethingSalvaged,
  withdrawnInWords,
  withoutSalvages,
} from './withdraw-salvages.ts'

/** Takes a seal back, because a record came late to the source while the target was still closed to producers. */
export const reopenTopic: StepKind<ReopenTopic, ConfigureTopic> = {
  kind: 'reopen-topic',

  /** The final configs may be set by then: what is copied behind an open seal must not be restamped, refused or deleted by them. */
  plan: (context, stage) => {
    const { desired, observed, state } = context
    if (stage !== 'producers-moved') return { steps: [] }
    const steps = desired.topics.flatMap((spec): (ReopenTopic | ConfigureTopic)[] => {
      const late = lateRecords(spec.name, observed, state, desired.order)
      return late === 0n
        ? []
        : [
            ...protectAgain(context, spec, stage),
            {
              kind: 'reopen-topic',
              id: `reopen-topic/${spec.name}`,
              stage,
              reason: `a producer wrote to the source after the seal${withdrawnInWords(state, spec.name)}`,
              undo: { cost: 'free', says: 'seal it again' },
              topic: spec.name,
              late: String(late),
            },
          ]
    })
    return { steps }
  },

  gates: (step) => [nothingOnlyOnTarget([step.topic])],

  interruptible: true,

  /** What was salvaged of the topic, if anything, is not on the target: so nothing of that is left to be told, or to be gone on with. */
  apply: async (step, run) => {
    const problem = await somethingSalvaged(step.topic, run)
    if (problem) return { done: false, problem }
    const withdrawn = pendingSalvages(run.state(), step.topic).map(nameRange)
    await run.decide((state) => ({
      ...state,
      salvages: withoutSalvages(state, step.topic),
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
    return {
      done: true,
      facts: { late: step.late, ...(withdrawn.length > 0 && { withdrawn }) },
    }
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
