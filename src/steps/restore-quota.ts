import type { RestoreQuota } from '../domain/step.ts'
import { humanBytes } from './_words.ts'
import type { StepKind } from './step-kind.ts'

/** Puts a user's byte rates on the target back to what they were before Ferry first set them. */
export const restoreQuota: StepKind<RestoreQuota> = {
  kind: 'restore-quota',

  plan: () => ({ steps: [] }),

  gates: () => [],

  apply: async (step, run) => {
    const { producerByteRate, consumerByteRate } = step
    await run.clusters.target.setQuota(step.user, { producerByteRate, consumerByteRate })
    await run.decide((state) => ({
      ...state,
      quotasBefore: state.quotasBefore.filter((quota) => quota.user !== step.user),
    }))
    return { done: true, facts: {} }
  },

  describe: (step) => ({
    symbol: '~',
    noun: 'quota',
    name: `User:${step.user}`,
    says: `as before: produce ${rate(step.producerByteRate)}, consume ${rate(step.consumerByteRate)}`,
  }),
}

const rate = (bytes: number | null): string =>
  bytes === null ? 'without a limit of its own' : `${humanBytes(bytes)}/s`
