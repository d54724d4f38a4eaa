import type { VerifyReverse } from '../domain/step.ts'
import { reversed } from './reversed.ts'
import type { StepKind } from './step-kind.ts'
import { verifyNow } from './verify-topic.ts'

/** Compares what was mirrored back, before a group counts on it and before the target is emptied. */
export const verifyReverse: StepKind<VerifyReverse> = {
  kind: 'verify-reverse',
  interruptible: true,

  plan: () => ({ steps: [] }),

  gates: () => [],

  // All of it: what it compares has no other copy once the target is emptied.
  apply: (step, run) => verifyNow(step.topic, { kind: 'full' }, reversed(run)),

  describe: (step) => ({
    symbol: '?',
    noun: 'verify back',
    name: step.topic,
    says: 'every record since the seal',
  }),
}
