import { describe, expect, it } from 'vitest'
import { type AclBinding, aclKey } from '../../src/domain/access.ts'
import { type Diagnostic, diagnostic } from '../../src/domain/diagnostic.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { GrantAccess, RevokeAccess } from '../../src/domain/step.ts'
import type { AclClaims } from '../../src/planner/acl-claims.ts'
import { grantAccess } from '../../src/steps/grant-access.ts'
import { revokeAccess } from '../../src/steps/revoke-access.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { observed, plan, stateWith } from '../planner/_build.ts'
import { STATE, seenOnTarget } from '../planner/_moved.ts'
import { keeping } from './_keeping.ts'

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

const problem = (code: Diagnostic['code']) => diagnostic({ code, detail: '', fix: '' })

/** A target that holds `there`, and fails these when it is asked for them; all of them: it is killed. */
const runOn = (
  before: Partial<MigrationState>,
  there: readonly AclBinding[],
  failed: Readonly<Record<string, Diagnostic['code']>> | 'killed' = {},
) => {
  const kept = keeping(before)
  const names = (acls: readonly AclBinding[] = []) => acls.map(({ resourceName }) => resourceName)
  const known = () => [names(kept.state().grants), names(kept.state().granting)]
  const during: string[][][] = []
  const deleted: string[] = []
  const target = {
    name: 'new',
    describeAcls: async () => there,
    createAcls: async (acls: readonly AclBinding[]) => {
      during.push(known())
      if (failed === 'killed') throw new Error('killed')
      const outcomes = acls.map((each) => [aclKey(each), failed[each.resourceName]] as const)
      return {
        ok: new Map(outcomes.flatMap(([key, code]) => (code ? [] : [[key, undefined]]))),
        failed: new Map(outcomes.flatMap(([key, code]) => (code ? [[key, problem(code)]] : []))),
      }
    },
    deleteAcls: async (acls: readonly AclBinding[]) => {
      deleted.push(...names(acls))
      return { ok: new Map(), failed: new Map() }
    },
  }
  const run = {
    clusters: { target },
    ...kept,
  } as unknown as Run
  return { run, known, during, deleted, state: kept.state }
}

it('keeps of what it wrote down what the target took, or has not answered', async () => {
  // The first is of an earlier plan, and none of this step's business.
  const failed = { b: 'FERRY1207', c: 'FERRY1212' } as const
  const { run, known, during } = runOn({ grants: [acl('z')] }, [], failed)
  expect(await grantAccess.apply(step, run)).toMatchObject({ done: false })
  expect(during).toEqual([
    [
      ['z', 'a', 'b', 'c'],
      ['a', 'b', 'c'],
    ],
  ])
  expect(known()).toEqual([['z', 'a', 'c'], ['c']])
})

it('knows what it has asked for and nobody answered, until it is asked for again', async () => {
  const killed = runOn({}, [], 'killed')
  await expect(grantAccess.apply(step, killed.run)).rejects.toThrow('killed')
  const all = ['a', 'b', 'c']
  expect(killed.known()).toEqual([all, all])
  // One has come, which is asked for again, too; one is refused, and may still come of the first time.
  const again = runOn(killed.state(), [acl('a')], { b: 'FERRY1207' })
  await grantAccess.apply(step, again.run)
  expect(again.during).toEqual([[['a', 'b', 'c'].sort(), all]])
  expect(again.known()).toEqual([all, ['b']])
  // Of what was answered nothing is asked again.
  const once = runOn({ grants: all.map(acl) }, all.map(acl), 'killed')
  expect(await grantAccess.apply(step, once.run)).toEqual({ done: true, facts: { created: 0 } })
})

describe('a rollback of what was asked for and not answered', () => {
  const write = { ...acl('orders'), operation: 'WRITE' as const }
  const read = acl('orders')
  const back = (
    granting: readonly AclBinding[],
    acls: readonly AclBinding[],
    claims: AclClaims = new Map(),
  ) => {
    const state = stateWith({ ...STATE, grants: [read, write], granting })
    const target = { ...seenOnTarget(1000n), acls }
    const { steps, problems } = plan({
      state,
      observed: observed({ target }),
      purpose: { kind: 'rollback', to: 'nothing' },
      aclClaims: claims,
    })
    return {
      taken: steps.flatMap((each) =>
        each.kind === 'revoke-access' ? each.acls.map(({ operation }) => operation) : [],
      ),
      named: problems.flatMap(({ code, severity, detail }) =>
        code === 'FERRY1354' || code === 'FERRY1357' ? [`${severity}: ${detail}`] : [],
      ),
    }
  }

  it('leaves and names what is there, but for the fences', () => {
    expect(back([], [read, write])).toEqual({ taken: ['WRITE', 'READ'], named: [] })
    const asked = back([read, write], [read, write])
    expect(asked.taken).toEqual(['WRITE'])
    expect(asked.named).toEqual([
      expect.stringMatching(/^warning: .*ALLOW WRITE on TOPIC orders.* It is taken away: /),
      expect.stringMatching(/^warning: .*ALLOW READ on TOPIC orders.* It is left\.$/),
    ])
  })

  it('leaves to others what they count on too, and names them, but for the fences', () => {
    const claims = new Map([
      [aclKey(read), ['billing', 'carts']],
      [aclKey(write), ['billing']],
    ])
    const shared = back([], [read, write], claims)
    expect(shared.taken).toEqual(['WRITE'])
    expect(shared.named).toEqual([
      expect.stringMatching(
        /^warning: .*ALLOW WRITE on TOPIC orders.* billing counts on it too\. It is taken away: /,
      ),
      expect.stringMatching(
        /^warning: .*ALLOW READ on TOPIC orders.* billing, carts count on it too\. It is left\.$/,
      ),
    ])
  })

  it('forgets what is not there', async () => {
    expect(back([read, write], [])).toEqual({ taken: ['WRITE', 'READ'], named: [] })
    const { run, known } = runOn({ grants: [acl('a'), acl('b')], granting: [acl('a')] }, [])
    const revoke = { ...step, kind: 'revoke-access', acls: [acl('a')], fences: null, groups: [] }
    await revokeAccess.apply(revoke as unknown as RevokeAccess, run)
    expect(known()).toEqual([['b'], []])
  })
})
