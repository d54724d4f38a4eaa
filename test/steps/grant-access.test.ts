import { expect, it } from 'vitest'
import { type AclBinding, aclKey } from '../../src/domain/access.ts'
import { type Diagnostic, diagnostic } from '../../src/domain/diagnostic.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { GrantAccess } from '../../src/domain/step.ts'
import { grantAccess } from '../../src/steps/grant-access.ts'
import type { Run } from '../../src/steps/step-kind.ts'

/** What the step records; that a broker refuses, and with what, is for test/scenarios/rights.test.ts. */

const acl = (resourceName: string): AclBinding => ({
  resourceType: 'TOPIC',
  resourceName,
  patternType: 'LITERAL',
  principal: 'User:api',
  host: '*',
  operation: 'READ',
  permission: 'ALLOW',
})
const step: GrantAccess = {
  kind: 'grant-access',
  id: 'grant-access/at-once/User:api',
  stage: 'prepared',
  reason: '',
  undo: { cost: 'free', says: '' },
  principal: 'User:api',
  when: 'at-once',
  acls: ['a', 'b', 'c'].map(acl),
  says: '',
}

it('keeps of what it wrote down what the target took, or has not answered', async () => {
  const problem = (code: Diagnostic['code']) => diagnostic({ code, detail: '', fix: '' })
  const failed = new Map([
    [aclKey(acl('b')), problem('FERRY1207')],
    [aclKey(acl('c')), problem('FERRY1212')],
  ])
  // Of an earlier plan, and none of this step's business.
  let state = { ...emptyState('m', 'l'), grants: [acl('z')] as readonly AclBinding[] }
  const during: string[][] = []
  const names = () => state.grants.map(({ resourceName }) => resourceName)
  const target = {
    describeAcls: async () => [],
    createAcls: async () => {
      during.push(names())
      return { ok: new Map(), failed }
    },
  }
  const run = {
    clusters: { target },
    state: () => state,
    decide: async (change: (now: typeof state) => typeof state) => {
      state = change(state)
    },
  } as unknown as Run
  expect(await grantAccess.apply(step, run)).toMatchObject({ done: false })
  expect([during, names()]).toEqual([[['z', 'a', 'b', 'c']], ['z', 'a', 'c']])
})
