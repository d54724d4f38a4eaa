import type { VerifyReverse } from '../domain/step.ts'
import { counted } from './_words.ts'
import { reversed } from './reversed.ts'
import type { StepKind } from './step-kind.ts'
import { verifyNow } from './verify-topic.ts'

/** Compares what was mirrored back, before a group counts on it and before the target is emptied. */
export const verifyReverse: StepKind<VerifyReverse> = {
  kind: 'verify-reverse',
  interruptible: true,

  plan: () => ({ steps: [] }),

  gates: () => [],

  apply: (step, run) => verifyNow(step, reversed(run)),

  describe: (step) => ({
    symbol: '?',
    noun: 'verify back',
    name: step.topic,
    says: `counts since the seal, and ${counted(step.sample, 'record')} of each partition`,
  }),
}
