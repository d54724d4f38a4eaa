import { describe, expect, it } from 'vitest'
import { type CoverageFinding, coverage, elsewhereOf } from '../../src/planner/coverage.ts'
import { coverageWarning } from '../../src/planner/coverage-warnings.ts'
import type { ObservedCoverage } from '../../src/planner/observed.ts'
import { ACCESS, group, migration, observed, plan, topic } from './_build.ts'

const seen = (parts: Partial<ObservedCoverage>): ObservedCoverage => ({
  groups: [{ id: group('api'), topics: [topic('orders')], members: 0 }],
  internalTopics: [],
  transactionalIds: [],
  acls: null,
  notVisible: [],
  ...parts,
})
const found = (
  parts: Partial<ObservedCoverage>,
  desired = migration(),
  elsewhere: readonly string[] = [],
): readonly CoverageFinding[] =>
  coverage(
    desired,
    { coverage: seen(parts) },
    { groups: new Set(elsewhere.map(group)), access: [] },
  )

describe('coverage', () => {
  it('finds nothing where everybody is in a plan file', () => {
    expect(found({})).toEqual([])
  })

  it('names groups that read the topics and are in no plan file, sink connectors apart', () => {
    const groups = [
      { id: group('api'), topics: [topic('orders')], members: 0 },
      { id: group('audit'), topics: [topic('orders'), topic('other')], members: 2 },
      { id: group('connect-sink'), topics: [topic('orders')], members: 0 },
      { id: group('stranger'), topics: [topic('other')], members: 0 },
      { id: group('billing'), topics: [topic('orders')], members: 0 },
    ]
    expect(found({ groups }, migration(), ['billing'])).toEqual([
      { kind: 'group', id: 'audit', topics: ['orders'], members: 2 },
      { kind: 'connect', id: 'connect-sink', topics: ['orders'] },
    ])
  })

  it('names internal topics of Streams applications that read the topics', () => {
    const internalTopics = ['api-sums-changelog', 'api-by-user-repartition', 'x-y-changelog'].map(
      topic,
    )
    expect(found({ internalTopics })).toEqual([
      { kind: 'streams', id: 'api', internal: ['api-sums-changelog', 'api-by-user-repartition'] },
    ])
  })

  it('names principals with grants on the source and none in the file; a prefix and a star count', () => {
    const grant = (
      principal: string,
      resourceName: string,
      patternType: 'LITERAL' | 'PREFIXED',
    ) => ({
      ...ACCESS.afterSeal[0]!,
      principal,
      resourceName,
      patternType,
    })
    const acls = [
      grant('User:orders-api', 'orders', 'LITERAL'),
      grant('User:cron', 'ord', 'PREFIXED'),
      grant('User:ops', '*', 'LITERAL'),
      grant('User:else', 'other', 'LITERAL'),
      { ...grant('User:none', 'orders', 'LITERAL'), permission: 'DENY' as const },
    ]
    expect(found({ acls })).toEqual([
      { kind: 'principal', principal: 'User:cron', operations: ['WRITE'], topics: ['orders'] },
      { kind: 'principal', principal: 'User:ops', operations: ['WRITE'], topics: ['orders'] },
    ])
    // Where the file manages no access somebody else may: they are named, but as one.
    expect(found({ acls }, migration({ access: [] }))).toEqual([
      {
        kind: 'no-access',
        principals: ['User:cron', 'User:ops', 'User:orders-api'],
        transactionalIds: [],
      },
    ])
    expect(found({ acls: [] }, migration({ access: [] }))).toEqual([])
  })

  it('names transactional ids that wrote to the topics and are let in by no access entry', () => {
    const acl = {
      ...ACCESS.atOnce[0]!,
      resourceType: 'TRANSACTIONAL_ID' as const,
      resourceName: 'orders-',
      patternType: 'PREFIXED' as const,
    }
    const transactionalIds = ['orders-1', 'cron-1'].map((id) => ({ id, topics: [topic('orders')] }))
    const access = [{ ...ACCESS, atOnce: [...ACCESS.atOnce, acl] }]
    expect(found({ transactionalIds }, migration({ access }))).toEqual([
      { kind: 'transactional-id', id: 'cron-1', topics: ['orders'] },
    ])
  })

  it('knows whom the other plan files let in on the same cluster, and their groups wherever they go', () => {
    const grant = (principal: string) => ({ ...ACCESS.afterSeal[0]!, principal })
    const acls = ['User:billing', 'User:abroad', 'User:cron'].map(grant)
    const transactionalIds = ['billing-1', 'abroad-1', 'cron-1'].map((id) => ({
      id,
      topics: [topic('orders')],
    }))
    const groups = ['billing', 'abroad', 'cron'].map((id) => ({
      id: group(id),
      topics: [topic('orders')],
      members: 0,
    }))
    const other = (name: string, to: string) =>
      migration({
        name: name as never,
        to,
        groups: [{ ...migration().groups[0]!, id: group(name) }],
        access: [
          {
            ...ACCESS,
            principal: `User:${name}`,
            atOnce: [
              {
                ...ACCESS.atOnce[0]!,
                resourceType: 'TRANSACTIONAL_ID',
                resourceName: `${name}-`,
                patternType: 'PREFIXED',
              },
            ],
          },
        ],
      })
    const left = (desired: ReturnType<typeof migration>) =>
      coverage(
        desired,
        { coverage: seen({ acls, transactionalIds, groups }) },
        elsewhereOf(desired, [
          desired,
          other('billing', desired.to),
          other('abroad', 'another-cluster'),
        ]),
      ).map((finding) => [finding.kind, Object.values(finding)[1]])
    expect(left(migration())).toEqual([
      ['group', 'cron'],
      ['principal', 'User:abroad'],
      ['principal', 'User:cron'],
      ['transactional-id', 'abroad-1'],
      ['transactional-id', 'cron-1'],
    ])
    expect(left(migration({ access: [] }))).toEqual([
      ['group', 'cron'],
      ['no-access', ['User:abroad', 'User:cron']],
    ])
    // What the file itself says is not elsewhere.
    expect(elsewhereOf(migration(), [migration()])).toEqual({ groups: new Set(), access: [] })
  })

  it('says what cannot be seen: readers without a group, and what was not read', () => {
    expect(found({ groups: [], notVisible: ['ACLs (denied)'] })).toEqual([
      { kind: 'no-group', topic: 'orders' },
      { kind: 'not-visible', what: 'ACLs (denied)' },
    ])
    // Not read is not the same as nobody.
    expect(found({ groups: null })).toEqual([])
  })

  it.each<readonly [CoverageFinding, string, RegExp]>([
    [
      { kind: 'group', id: group('audit'), topics: [topic('orders')], members: 2 },
      'FERRY1344',
      /audit has positions on orders of old and is in no plan file; it has 2 members now/,
    ],
    [
      {
        kind: 'principal',
        principal: 'User:cron',
        operations: ['WRITE'],
        topics: [topic('orders')],
      },
      'FERRY1345',
      /User:cron may WRITE on orders on old/,
    ],
    [
      { kind: 'transactional-id', id: 'cron-1', topics: [topic('orders')] },
      'FERRY1346',
      /transactional id cron-1 has written to orders on old/,
    ],
    [
      { kind: 'connect', id: group('connect-sink'), topics: [topic('orders')] },
      'FERRY1347',
      /connect-sink is the group of a sink connector that reads orders/,
    ],
    [
      { kind: 'streams', id: group('api'), internal: [topic('api-sums-changelog')] },
      'FERRY1347',
      /api is a Streams application .*: api-sums-changelog/,
    ],
    [
      { kind: 'no-access', principals: ['User:a', 'User:b'], transactionalIds: ['t-1'] },
      'FERRY1345',
      /orders manages no access, .*: 2 principals \(User:a, User:b\); 1 transactional id \(t-1\)\.$/,
    ],
    [
      {
        kind: 'no-access',
        principals: [],
        transactionalIds: Array.from({ length: 12 }, (_, i) => `t${i}`),
      },
      'FERRY1346',
      /: 12 transactional ids \(t0, t1, .*, t9 and 2 more\)\.$/,
    ],
    [
      { kind: 'no-group', topic: topic('orders') },
      'FERRY1348',
      /No group has a position on orders/,
    ],
  ])('warns of %o', (finding, code, says) => {
    const warning = coverageWarning(finding, migration(), 'old')
    expect([warning.severity, warning.code]).toEqual(['warning', code])
    expect(warning.detail).toMatch(says)
    expect(warning.fix).not.toBe('')
  })

  it('is part of a plan as warnings, each with what to do', () => {
    const source = { coverage: seen({ groups: [] }) }
    const codes = (stage: 'mirrored' | 'consumers-moved') =>
      plan({ desired: migration({ stage }), observed: observed({ source }) }).problems.map(
        ({ code, severity }) => `${severity} ${code}`,
      )
    expect(codes('consumers-moved')).toContain('warning FERRY1348')
    expect(codes('mirrored')).not.toContain('warning FERRY1348')
    const acls = [{ ...ACCESS.afterSeal[0]!, principal: 'User:cron' }]
    const withoutAccess = (
      stage: 'mirrored' | 'consumers-moved',
      target: 'no-authorizer' | readonly [] = [],
    ) =>
      plan({
        desired: migration({ stage, access: [] }),
        observed: observed({ source: { coverage: seen({ acls }) }, target: { acls: target } }),
      }).problems.map(({ code, severity }) => `${severity} ${code}`)
    expect(withoutAccess('consumers-moved')).toContain('warning FERRY1345')
    // Before somebody moves, and where everybody may, it would be noise.
    expect(withoutAccess('mirrored')).not.toContain('warning FERRY1345')
    expect(withoutAccess('consumers-moved', 'no-authorizer')).not.toContain('warning FERRY1345')
    for (const finding of found({
      groups: [{ id: group('audit'), topics: [topic('orders')], members: 1 }],
      notVisible: ['x'],
    })) {
      const warning = coverageWarning(finding, migration(), 'old')
      expect(warning.severity).toBe('warning')
      expect(warning.detail + warning.fix).not.toMatch(/undefined/)
    }
  })
})
