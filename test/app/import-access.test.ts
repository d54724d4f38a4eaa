import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AccessScope, accessLines, aclsInScope, usersOf } from '../../src/app/import-access.ts'
import { type AclBinding, aclKey, type When, whenOf } from '../../src/domain/access.ts'
import { load } from '../config/_example.ts'

const acl = (said: string, more: Partial<AclBinding> = {}): AclBinding => {
  const [principal, operation, resourceType, resourceName] = said.split(' ') as [
    string,
    AclBinding['operation'],
    AclBinding['resourceType'],
    string,
  ]
  return {
    principal: `User:${principal}`,
    operation,
    resourceType,
    resourceName: resourceName.replace(/(?<=.)\*$/, ''),
    patternType: /.\*$/.test(resourceName) ? 'PREFIXED' : 'LITERAL',
    host: '*',
    permission: 'ALLOW',
    ...more,
  }
}

const SCOPE: AccessScope = {
  topics: ['shop.orders', 'shop.payments'],
  groups: ['shop-api'],
  transactionalIds: ['shop-tx-1'],
  allTopics: ['shop.orders', 'shop.payments', 'stock'],
  allGroups: ['shop-api', 'stock-api'],
}

const kept = (...acls: readonly AclBinding[]) =>
  aclsInScope(acls, SCOPE).map(
    ({ operation, resourceName, patternType }) =>
      `${operation} ${resourceName}${patternType === 'PREFIXED' ? '*' : ''}`,
  )

describe('ACLs of what moves', () => {
  it.each([
    ['a name that moves', 'a READ TOPIC shop.orders', ['READ shop.orders']],
    ['one that does not', 'a READ TOPIC stock', []],
    ['a prefix of which all moves', 'a READ TOPIC shop.*', ['READ shop.*']],
    [
      'a prefix that reaches farther',
      'a WRITE TOPIC s*',
      ['WRITE shop.orders', 'WRITE shop.payments'],
    ],
    ['everything', 'a WRITE TOPIC *', ['WRITE shop.orders', 'WRITE shop.payments']],
    ['a group', 'a READ GROUP shop*', ['READ shop*']],
    ['every group', 'a READ GROUP *', ['READ shop-api']],
    ['the cluster', 'a ALTER CLUSTER kafka-cluster', []],
    [
      'everything of a topic, of which readers must not wait for the seal',
      'a ALL TOPIC shop.orders',
      ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALL'].map((each) => `${each} shop.orders`),
    ],
  ])('%s', (_, said, expected) => {
    expect(kept(acl(said))).toEqual(expected)
  })

  it('transactional ids only of who uses these topics, as they are', () => {
    const ids = ['shop-tx*', '*', 'other']
    const of = (name: string) => ids.map((id) => acl(`${name} WRITE TRANSACTIONAL_ID ${id}`))
    expect(kept(acl('a WRITE TOPIC shop.orders'), ...of('a'), ...of('b'))).toEqual([
      'WRITE shop.orders',
      'WRITE shop-tx*',
      'WRITE *',
    ])
  })

  it.each([
    ['everybody writes', '*', 'a', ['WRITE shop-tx*']],
    ['the ids are everybody’s', 'a', '*', ['WRITE shop-tx*']],
    ['the ids are of somebody else', 'a', 'b', []],
  ])('transactional ids where %s', (_, writer, owner, expected) => {
    const [write, id] = [
      acl(`${writer} WRITE TOPIC shop.orders`),
      acl(`${owner} WRITE TRANSACTIONAL_ID shop-tx*`),
    ]
    expect(kept(write, id)).toEqual(['WRITE shop.orders', ...expected])
    // Who only reads, or is kept out, does not make anybody a writer.
    const others = owner === writer ? [] : [{ ...write, permission: 'DENY' as const }]
    expect(kept(...others, id)).toEqual(others.map(() => 'WRITE shop.orders'))
    expect(kept({ ...write, operation: 'READ' }, id)).toEqual(['READ shop.orders'])
  })

  it('a denial of everything stays one', () => {
    const denied = acl('a ALL TOPIC shop.orders', { permission: 'DENY' })
    expect(kept(denied)).toEqual(['ALL shop.orders'])
  })

  it('nothing twice', () => {
    expect(kept(acl('a READ TOPIC *'), acl('a READ TOPIC shop.orders'))).toEqual([
      'READ shop.orders',
      'READ shop.payments',
    ])
  })
})

const linesOf = (acls: readonly AclBinding[]) =>
  accessLines({ acls, users: new Map(), quotas: new Map() }, SCOPE, 'old')

/** What a plan file with these lines grants. */
const granted = async (lines: readonly string[]): Promise<readonly AclBinding[]> => {
  const text = `apiVersion: ferry/v1
kind: Migration
metadata: { name: orders }
spec:
  from: old-cloud
  to: new-idc
  stage: prepared
  topics: [{ name: shop.orders }, { name: shop.payments }]
  groups: [{ id: shop-api }]
${lines.join('\n')}
`
  const { project, diagnostics } = await load({ 'plans/orders.yaml': text })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  expect(errors, text).toEqual([])
  return project!.migrations
    .get('orders')!
    .access.flatMap(({ atOnce, afterSync, afterSeal }) => [...atOnce, ...afterSync, ...afterSeal])
}

/** Without what follows from READ or WRITE. */
const normal = (acls: readonly AclBinding[]): readonly string[] => {
  const keys = new Set(acls.map(aclKey))
  const follows = (binding: AclBinding) =>
    binding.operation === 'DESCRIBE' &&
    binding.permission === 'ALLOW' &&
    (['READ', 'WRITE'] as const).some((operation) => keys.has(aclKey({ ...binding, operation })))
  return [...new Set(acls.filter((each) => !follows(each)).map(aclKey))].sort()
}

describe('access of the file', () => {
  it('reads as a person would write it', () => {
    expect(
      linesOf([
        acl('shop READ TOPIC shop.*'),
        acl('shop DESCRIBE TOPIC shop.*'),
        acl('shop READ GROUP shop-api'),
        acl('shop WRITE TOPIC shop.orders'),
        acl('shop WRITE TRANSACTIONAL_ID shop-tx*'),
        acl('shop DESCRIBE_CONFIGS TOPIC shop.orders'),
        acl('other READ TOPIC shop.orders', { host: '10.0.0.9', permission: 'DENY' }),
      ]),
    ).toEqual([
      '  # As the ACLs of old say it, for what moves here; rights on the cluster are not taken over. Take out who does not move.',
      '  access:',
      '    - principal: User:other',
      '      host: "10.0.0.9"',
      '      raw:',
      '        - { resourceType: TOPIC, resourceName: shop.orders, operation: READ, permission: DENY }',
      '    - principal: User:shop',
      '      produce: [shop.orders]',
      '      consume:',
      '        groups: [shop-api]',
      '      raw:',
      '        - { resourceType: TOPIC, resourceName: shop.orders, operation: DESCRIBE_CONFIGS }',
      '    - principal: User:shop',
      '      prefix: true',
      '      consume:',
      '        topics: [shop.]',
      '      transactionalIds: [shop-tx]',
    ])
  })

  it('stands for just those ACLs, whatever they are', async () => {
    const names = ['shop.orders', 'shop.*', 'shop.pay*', 'stock', 's*', '*']
    const binding = fc
      .record({
        principal: fc.constantFrom('a', 'CN=a b, O="x": y #', '*', 'yes', '12'),
        said: fc.oneof(
          fc.tuple(
            fc.constantFrom('READ', 'WRITE', 'DESCRIBE', 'ALL', 'DELETE', 'CREATE'),
            fc.constant('TOPIC'),
            fc.constantFrom(...names),
          ),
          fc.tuple(
            fc.constantFrom('READ', 'DESCRIBE', 'ALL'),
            fc.constant('GROUP'),
            fc.constantFrom('shop-api', 'shop*', 'stock-api', '*'),
          ),
          fc.tuple(
            fc.constantFrom('WRITE', 'DESCRIBE', 'ALL'),
            fc.constant('TRANSACTIONAL_ID'),
            fc.constantFrom('shop-tx-1', 'shop-tx*', '*', 'other'),
          ),
        ),
        host: fc.constantFrom('*', '10.0.0.9'),
        permission: fc.constantFrom('ALLOW' as const, 'DENY' as const),
      })
      .map(({ principal, said, host, permission }) => ({
        ...acl(`x ${said.join(' ')}`, { host, permission }),
        principal: `User:${principal}`,
      }))
    await fc.assert(
      fc.asyncProperty(fc.array(binding, { maxLength: 12 }), async (acls) => {
        expect(normal(await granted(linesOf(acls)))).toEqual(normal(aclsInScope(acls, SCOPE)))
      }),
      { numRuns: 150 },
    )
  })

  it('lets who may do ALL on a topic read it at once, and write it once it is sealed', async () => {
    const lines = linesOf([acl('svc ALL TOPIC shop.orders'), acl('svc ALL GROUP shop-api')])
    const acls = await granted(lines)
    const at = (when: When) =>
      acls
        .filter((each) => whenOf(each) === when)
        .map(({ operation, resourceName }) => `${operation} ${resourceName}`)
        .sort()
    expect(at('atOnce')).toEqual([
      'DESCRIBE shop.orders',
      'DESCRIBE_CONFIGS shop.orders',
      'READ shop.orders',
    ])
    expect(at('afterSync')).toEqual(['ALL shop-api'])
    expect(at('afterSeal')).toEqual(['ALL shop.orders'])
  })

  it('users wait for a password, quotas follow', () => {
    const acls = [acl('shop-api READ TOPIC shop.orders'), acl('* READ TOPIC shop.orders')]
    expect(usersOf(acls)).toEqual(['shop-api'])
    const lines = accessLines(
      {
        acls,
        users: new Map([['shop-api', new Set(['scram-sha-512', 'scram-sha-256'] as const)]]),
        quotas: new Map([
          ['shop-api', { producerByteRate: 1048576, consumerByteRate: undefined }],
          ['none', { producerByteRate: undefined, consumerByteRate: undefined }],
          ['half', { producerByteRate: 0.5, consumerByteRate: undefined }],
        ]),
      },
      SCOPE,
      'old',
    )
    expect(lines.filter((line) => /password: "|User:shop|{ user:|no whole/.test(line))).toEqual([
      '  #   - { name: shop-api, mechanism: scram-sha-256, password: "${env:SHOP_API_PASSWORD}" }',
      '  #   - { name: shop-api, mechanism: scram-sha-512, password: "${env:SHOP_API_PASSWORD}" }',
      '    - principal: User:shop-api',
      '    - { user: shop-api, producerByteRate: 1048576 }',
      '  # half has producerByteRate 0.5, which is no whole number of bytes.',
    ])
  })

  it('says why nothing is there', () => {
    const nothing = { users: new Map(), quotas: new Map() }
    expect(accessLines({ ...nothing, acls: 'old checks no ACLs.' }, SCOPE, 'old')[0]).toBe(
      '  # old checks no ACLs. To be written by the owner:',
    )
    expect(accessLines({ ...nothing, acls: [] }, SCOPE, 'old')[0]).toMatch(/No ACL of old is about/)
  })
})
