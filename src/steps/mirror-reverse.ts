import type { MirrorReverse } from '../domain/step.ts'
import { counted, humanBytes } from './_words.ts'
import { copyUntil } from './copy-until.ts'
import { reversed } from './reversed.ts'
import type { StepKind } from './step-kind.ts'

/** Copies what producers have written to the target since the seal back to the source, until nothing is left. */
export const mirrorReverse: StepKind<MirrorReverse> = {
  kind: 'mirror-reverse',
  interruptible: true,

  plan: () => ({ steps: [] }),

  gates: () => [],

  apply: async (step, run) => {
    // It is planned behind a seal only where the target has grown since: mirrors follow again once the seal is gone.
    const isOther = (seal: { readonly topic: string }) => seal.topic !== step.topic
    if (!run.state().reverse.seals.every(isOther)) {
      await run.decide(({ reverse, ...state }) => ({
        ...state,
        reverse: { ...reverse, seals: reverse.seals.filter(isOther) },
      }))
    }
    return copyUntil(step.topic, 0, reversed(run))
  },

  describe: (step) => ({
    symbol: '>',
    noun: 'mirror back',
    name: step.topic,
    says:
      step.records === '0'
        ? 'target to source, nothing to copy now'
        : `target to source, ${counted(BigInt(step.records), 'offset')} since the seal` +
          (step.throttle ? ` at ${humanBytes(step.throttle)}/s` : ''),
  }),
}
