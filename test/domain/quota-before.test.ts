import { deepStrictEqual } from 'node:assert/strict'
import { it } from 'vitest'
import { RATES, rememberRates } from '../../src/domain/quota-before.ts'
import { restoreQuota } from '../../src/steps/restore-quota.ts'

it('only rates that are set are remembered, each as it was found the first time', () => {
  const first = rememberRates([], 'api', { consumerByteRate: 7 }, ['producerByteRate'])
  deepStrictEqual(first, [{ user: 'api', producerByteRate: null }])
  // By now Ferry's own rate is there, and an admin's.
  const now = { producerByteRate: 100, consumerByteRate: 8 }
  deepStrictEqual(rememberRates(first, 'api', now, RATES), [
    { user: 'api', producerByteRate: null, consumerByteRate: 8 },
  ])
  deepStrictEqual(rememberRates(first, 'other', undefined, RATES), [
    ...first,
    { user: 'other', producerByteRate: null, consumerByteRate: null },
  ])
})

it('a rate that Ferry has not set is not put back', async () => {
  const sent: unknown[] = []
  const run = {
    clusters: { target: { setQuota: async (...args: unknown[]) => void sent.push(args) } },
    decide: async () => {},
  }
  const step = { user: 'api', producerByteRate: null } as Parameters<typeof restoreQuota.apply>[0]
  await restoreQuota.apply(step, run as unknown as Parameters<typeof restoreQuota.apply>[1])
  deepStrictEqual(sent, [['api', { producerByteRate: null }]])
  deepStrictEqual(restoreQuota.describe(step).says, 'as before: produce without a limit of its own')
})
