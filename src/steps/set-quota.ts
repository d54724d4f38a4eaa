import { RATES, rememberRates } from '../domain/quota-before.ts'
import type { SetQuota } from '../domain/step.ts'
import { humanBytes } from './_words.ts'
import type { StepKind } from './step-kind.ts'

/** Sets a user's byte rates on the target. A rate that the file does not name is left as it is. */
export const setQuota: StepKind<SetQuota> = {
  kind: 'set-quota',

  plan: ({ desired, observed }, stage) => {
    if (stage !== 'prepared') return { steps: [] }
    const steps = desired.quotas.flatMap((quota): SetQuota[] => {
      const now = observed.target.quotas.get(quota.user)
      const differs = RATES.filter(
        (rate) => quota[rate] !== undefined && quota[rate] !== now?.[rate],
      )
      if (differs.length === 0) return []
      return [
        {
          kind: 'set-quota',
          id: `set-quota/${quota.user}`,
          stage,
          reason: 'the rates on the target differ',
          undo: { cost: 'restores', says: 'restore the rates' },
          user: quota.user,
          producerByteRate: quota.producerByteRate ?? null,
          consumerByteRate: quota.consumerByteRate ?? null,
        },
      ]
    })
    return { steps }
  },

  undo: ({ state }, { stage, leadsTo }) => ({
    steps:
      stage !== 'prepared'
        ? []
        : state.quotasBefore.map((before) => ({
            kind: 'restore-quota',
            id: `restore-quota/${before.user}`,
            stage: leadsTo,
            reason: 'Ferry has set these rates',
            undo: { cost: 'restores', says: 'set them again, as the plan file says' },
            ...before,
          })),
  }),

  gates: () => [],

  apply: async (step, run) => {
    const now = (await run.clusters.target.describeQuotas([step.user])).get(step.user)
    const rates = RATES.filter((rate) => step[rate] !== null)
    await run.decide((s) => ({
      ...s,
      quotasBefore: rememberRates(s.quotasBefore, step.user, now, rates),
    }))
    await run.clusters.target.setQuota(step.user, {
      ...(step.producerByteRate === null ? {} : { producerByteRate: step.producerByteRate }),
      ...(step.consumerByteRate === null ? {} : { consumerByteRate: step.consumerByteRate }),
    })
    return { done: true, facts: {} }
  },

  describe: (step) => ({
    symbol: '+',
    noun: 'quota',
    name: `User:${step.user}`,
    says: [
      ...(step.producerByteRate === null ? [] : [`produce ${humanBytes(step.producerByteRate)}/s`]),
      ...(step.consumerByteRate === null ? [] : [`consume ${humanBytes(step.consumerByteRate)}/s`]),
    ].join(', '),
  }),
}
