import { RATES } from '../domain/quota-before.ts'
import type { RestoreQuota } from '../domain/step.ts'
import { humanBytes } from './_words.ts'
import type { StepKind } from './step-kind.ts'

/** Puts the byte rates of a user that Ferry has set on the target back to what they were before. */
export const restoreQuota: StepKind<RestoreQuota> = {
  kind: 'restore-quota',

  plan: () => ({ steps: [] }),

  gates: () => [],

  apply: async (step, run) => {
    await run.clusters.target.setQuota(step.user, rates(step))
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
    says: `as before: ${RATES.flatMap((rate) => {
      const bytes = step[rate]
      return bytes === undefined ? [] : [`${VERB[rate]} ${inWords(bytes)}`]
    }).join(', ')}`,
  }),
}

const VERB = { producerByteRate: 'produce', consumerByteRate: 'consume' } as const

const rates = (step: RestoreQuota) =>
  Object.fromEntries(
    RATES.flatMap((rate) => (step[rate] === undefined ? [] : [[rate, step[rate]] as const])),
  )

const inWords = (bytes: number | null): string =>
  bytes === null ? 'without a limit of its own' : `${humanBytes(bytes)}/s`
