import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AclBinding, aclKey } from '../../src/domain/access.ts'
import type { ClusterId, GroupId, TopicName } from '../../src/domain/ids.ts'
import type { ScramMechanism } from '../../src/domain/migration.ts'
import { Secret } from '../../src/domain/secret.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { startKafka, type TestCluster } from '../kafka/index.ts'
import { connect, problemsOf } from './connect.ts'

const secrets = ['bob-secret', 'admin-secret', 'wrong-secret']

const login = (username: string, password: string, mechanism = 'scram-sha-512' as const) => ({
  sasl: { mechanism, username, password: new Secret(password) },
})

describe('a secure 4.x cluster', () => {
  let broker: TestCluster
  let cluster: Cluster

  beforeAll(async () => {
    broker = await startKafka({
      version: '4.x',
      secure: true,
      users: [{ name: 'bob', password: 'bob-secret' }],
      // A session ends after 12 s, and kafkajs logs in again from 10 s before that (KIP-368).
      config: { 'connections.max.reauth.ms': '12000' },
    })
    cluster = await connect(broker)
  })
  afterAll(async () => {
    await cluster?.close()
    await broker?.stop()
  })

  const acl = (changes: Partial<AclBinding>): AclBinding => ({
    resourceType: 'TOPIC',
    resourceName: 'orders',
    patternType: 'LITERAL',
    principal: 'User:bob',
    host: '*',
    operation: 'READ',
    permission: 'ALLOW',
    ...changes,
  })

  test('creates, describes and deletes ACLs of every kind', async () => {
    const acls = [
      acl({}),
      acl({ patternType: 'PREFIXED', resourceName: 'orders.', operation: 'ALL' }),
      acl({ resourceType: 'GROUP', resourceName: '*', host: '10.0.0.1' }),
      acl({ resourceType: 'CLUSTER', resourceName: 'kafka-cluster', operation: 'ALTER' }),
      acl({ resourceType: 'TRANSACTIONAL_ID', resourceName: 'tx', operation: 'WRITE' }),
      acl({ resourceType: 'USER', resourceName: 'User:eve', operation: 'CREATE_TOKENS' }),
      acl({ operation: 'WRITE', permission: 'DENY' }),
    ]
    const created = await cluster.createAcls(acls)
    expect([...created.failed.values()]).toEqual([])
    expect([...created.ok.keys()].sort()).toEqual(acls.map(aclKey).sort())
    const sorted = [...acls].sort((left, right) => (aclKey(left) < aclKey(right) ? -1 : 1))
    expect(await cluster.describeAcls()).toEqual(sorted)
    const deleted = await cluster.deleteAcls(acls.slice(1))
    expect(deleted.failed.size).toBe(0)
    expect(await cluster.describeAcls()).toEqual([acls[0]])
    expect((await cluster.deleteAcls(acls)).failed.size).toBe(0)
    expect(await cluster.describeAcls()).toEqual([])
  })

  test('an ACL that the broker refuses is one failure, the others are made', async () => {
    const good = acl({ resourceName: 'good' })
    const bad = acl({ resourceType: 'CLUSTER', resourceName: 'not-the-cluster' })
    const { ok, failed } = await cluster.createAcls([bad, good])
    expect([...ok.keys()]).toEqual([aclKey(good)])
    expect([...failed.keys()]).toEqual([aclKey(bad)])
    await cluster.deleteAcls([good])
  })

  test.each(['scram-sha-256', 'scram-sha-512'] as const)(
    'a user of %s that was set can log in, until it is deleted',
    async (mechanism) => {
      const name = `user-${mechanism}`
      await cluster.setUser({ name, mechanism, password: new Secret('pässword') })
      expect((await cluster.describeUsers([name, 'nobody'])).ok).toEqual(
        new Map<string, ReadonlySet<ScramMechanism>>([
          [name, new Set([mechanism])],
          ['nobody', new Set()],
        ]),
      )
      const as = {
        sasl: { mechanism, username: name, password: new Secret('pässword') },
      }
      const own = await connect(broker, as)
      await own.close()
      await cluster.deleteUser(name, mechanism)
      await cluster.deleteUser(name, mechanism)
      expect((await cluster.describeUsers([name])).ok.get(name)).toEqual(new Set())
    },
  )

  test('sets, reads and removes quotas', async () => {
    await cluster.setQuota('bob', { producerByteRate: 1_000_000, consumerByteRate: 2_000_000 })
    await cluster.setQuota('bob', { consumerByteRate: null })
    const none = { producerByteRate: undefined, consumerByteRate: undefined }
    expect(await cluster.describeQuotas(['bob', 'eve'])).toEqual(
      new Map<string, { producerByteRate: number | undefined; consumerByteRate: undefined }>([
        ['bob', { producerByteRate: 1_000_000, consumerByteRate: undefined }],
        ['eve', none],
      ]),
    )
    await cluster.setQuota('bob', { producerByteRate: null })
    expect(await cluster.describeQuotas(['bob'])).toEqual(new Map([['bob', none]]))
  })

  test('a missing right names operation, resource, principal and the command', async () => {
    const bob = await connect(broker, login('bob', 'bob-secret'))
    try {
      const [acls] = await problemsOf(bob.describeAcls())
      expect(acls).toMatchObject({ code: 'FERRY1207' })
      expect(acls?.detail).toContain('User:bob may not read the ACLs')
      expect(acls?.fix).toContain('--add --allow-principal User:bob --operation Describe --cluster')
      await cluster.createTopics([
        {
          name: 'hidden' as TopicName,
          partitions: 1,
          replicationFactor: 1,
          configs: new Map(),
        },
      ])
      const hidden = await bob.describeTopics(['hidden' as TopicName])
      expect(hidden.failed.get('hidden' as TopicName)).toMatchObject({
        code: 'FERRY1207',
        fix: expect.stringContaining('--operation Describe --topic hidden'),
      })
      const groups = await bob.fetchCommits(['g' as GroupId])
      expect(groups.failed.get('g' as GroupId)).toMatchObject({
        code: 'FERRY1207',
        fix: expect.stringContaining('--operation Describe --group g'),
      })
      const created = await bob.createTopics([
        { name: 'new' as TopicName, partitions: 1, replicationFactor: 1, configs: new Map() },
      ])
      expect(created.failed.get('new' as TopicName)?.code).toBe('FERRY1207')
    } finally {
      await bob.close()
    }
  })

  test('a wrong password is FERRY1203, and is not printed', async () => {
    const problems = await problemsOf(connect(broker, login('bob', 'wrong-secret')))
    expect(problems).toMatchObject([
      { code: 'FERRY1203', at: { file: 'clusters/test.yaml', line: 5 } },
    ])
    for (const secret of secrets) expect(JSON.stringify(problems)).not.toContain(secret)
  })

  test('a mechanism that the listener lacks is FERRY1206', async () => {
    const sasl = { mechanism: 'plain' as const, username: 'bob', password: new Secret('x') }
    expect(await problemsOf(connect(broker, { sasl }))).toMatchObject([{ code: 'FERRY1206' }])
  })

  test('no login where one is wanted is FERRY1206', async () => {
    const problems = await problemsOf(connect(broker, { sasl: undefined }))
    expect(problems).toMatchObject([
      { code: 'FERRY1206', fix: expect.stringContaining('add `sasl`') },
    ])
  })

  test('the wrong cluster is FERRY1201, and the pinned id, which may be a mistaken secret, is not repeated', async () => {
    const problems = await problemsOf(
      connect(broker, { clusterId: 'AAAAAAAAAAAAAAAAAAAAAA' as ClusterId }),
    )
    expect(problems).toMatchObject([{ code: 'FERRY1201', at: { line: 4 } }])
    expect(problems[0]?.detail).toContain(broker.clusterId)
    expect(problems[0]?.detail).not.toContain('AAAAAAAAAAAAAAAAAAAAAA')
  })

  test('a link logs in again when its session ends, and loses nothing', async () => {
    const name = 'session' as TopicName
    await cluster.createTopics([{ name, partitions: 1, replicationFactor: 1, configs: new Map() }])
    // Until it has a leader that answers.
    expect((await cluster.listOffsets([{ topic: name, partition: 0 }], 'latest')).failed.size).toBe(
      0,
    )
    const link = await cluster.connectBroker(broker.brokers[0]?.id ?? -1)
    const fetch = () =>
      link.fetch({
        topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset: 0, maxBytes: 1_000 }] }],
        maxWaitMs: 100,
        minBytes: 1,
        maxBytes: 1_000,
        isolation: 'read-committed',
      })
    const end = Date.now() + 14_000
    while (Date.now() < end) {
      const answers = await Promise.all([fetch(), fetch(), fetch()])
      expect(answers.flat().map((partition) => partition.errorCode)).toEqual([0, 0, 0])
    }
    expect(link.connected).toBe(true)
    await link.close()
  })
})
