import { expect, test } from 'vitest'
import type { RestoreGroup } from '../../src/domain/step.ts'
import { restoreGroup } from '../../src/steps/restore-group.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { stateWith } from '../planner/_build.ts'

/** On brokers, killed at every place: test/scenarios/kill-apply.test.ts. */

test('a group whose sync is undone already is left as it is: what it has there was restored before the crash', async () => {
  const asked: string[] = []
  const target = new Proxy(
    {},
    { get: (_, name) => async () => void asked.push(String(name)) },
  ) as Run['clusters']['target']
  const run = {
    clusters: { source: target, target },
    state: () => stateWith({ syncs: [] }),
    decide: async () => void asked.push('decide'),
  } as unknown as Run
  const step = { group: 'api', topics: ['orders'], restored: 1, deleted: 1 } as unknown
  expect(await restoreGroup.apply(step as RestoreGroup, run)).toEqual({ done: true, facts: {} })
  expect(asked).toEqual([])
})
