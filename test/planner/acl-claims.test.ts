import { expect, it } from 'vitest'
import { aclKey } from '../../src/domain/access.ts'
import { aclClaims } from '../../src/planner/acl-claims.ts'
import { ACCESS, migration, stateWith } from './_build.ts'

const keysOf = (claims: ReturnType<typeof aclClaims>, name: string) =>
  [...claims].flatMap(([key, names]) => (names.includes(name) ? [key] : []))
const all = [...ACCESS.atOnce, ...ACCESS.afterSync, ...ACCESS.afterSeal]

it('count on an ACL: whose file lists it, whose state has made it, unless that was rolled back', () => {
  const [first, second] = all
  const state = (name: string, stage: 'prepared' | 'nothing') => ({
    ...stateWith({ stage, grants: [first!] }),
    migration: name,
  })
  const claims = aclClaims(
    [migration({ name: 'listed' }), migration({ name: 'none', access: [] })],
    [state('made', 'prepared'), state('over', 'nothing')],
  )
  expect(keysOf(claims, 'listed')).toEqual(all.map(aclKey))
  expect(keysOf(claims, 'made')).toEqual([aclKey(first!)])
  expect(keysOf(claims, 'over')).toEqual([])
  expect(claims.get(aclKey(first!))).toEqual(['listed', 'made'])
  expect(claims.get(aclKey(second!))).toEqual(['listed'])
})
