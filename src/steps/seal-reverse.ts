import type { SealReverse } from '../domain/step.ts'
import { counted, humanDuration } from './_words.ts'
import { targetIsDrained } from './gates/index.ts'
import { reversed } from './reversed.ts'
import { sealsNow } from './seal-topic.ts'
import { sealUnderLock } from './seal-under-lock.ts'
import type { StepKind } from './step-kind.ts'

/** Ends the way back of a topic: all that producers wrote to the target is on the source, and from now on that one counts. */
export const sealReverse: StepKind<SealReverse> = {
  kind: 'seal-reverse',

  plan: () => ({ steps: [] }),

  gates: (step) => [targetIsDrained(step.topic, step.quietMs)],

  interruptible: true,

  apply: async (step, run) => {
    const found = await sealsNow(step, reversed(run))
    if (!('seals' in found)) return { done: false, ...found }
    const stopped = await sealUnderLock({
      topic: step.topic,
      seals: found.seals,
      view: reversed(run),
      decide: (change) =>
        run.decide((state) => ({
          ...state,
          reverse: { ...state.reverse, ...change(state.reverse) },
        })),
    })
    return stopped ?? { done: true, facts: found.facts }
  },

  describe: (step) => ({
    symbol: '!',
    noun: 'seal back',
    name: step.topic,
    says: `${counted(step.partitions, 'partition')}, when the target was quiet for ${humanDuration(step.quietMs)} and all of it is on the source`,
  }),
}
