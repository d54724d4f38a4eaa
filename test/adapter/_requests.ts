import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { AclBinding } from '../../src/domain/access.ts'
import { type GroupId, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { Secret } from '../../src/domain/secret.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { BrokerConnection } from '../../src/kafka/connection.ts'
import { observe } from '../../src/planner/index.ts'
import { startKafka, type TestCluster } from '../kafka/index.ts'
import { ACCESS, group, migration, topicSpec } from '../planner/_build.ts'
import { batchOf } from './batch.ts'
import { connect } from './connect.ts'

const BROKERS = 3
const PARTITIONS = 4
/** Partitions whose first and last batch are looked at in one Fetch. */
const SAMPLED_AT_ONCE = 500

/**
 * Reads a migration of all topics, groups, users, quotas and access, and one of a tenth of them, from a real cluster, and counts what is sent, whatever sends it: both take
 * as many requests. Only of looks at batches there are more, one for each 500 partitions of a broker, for the bytes that come back.
 */
export const countsRequests = (count: number): void => {
  let brokers: TestCluster
  let cluster: Cluster
  const topics = Array.from({ length: count }, (_, i) => `topic-${i}` as TopicName)
  const groups = Array.from({ length: count / 10 }, (_, i) => `reader-${i}` as GroupId)

  beforeAll(async () => {
    brokers = await startKafka({ version: '4.x', brokers: BROKERS, secure: true })
    cluster = await connect(brokers)
    await fill(cluster, topics, groups)
    await fillAccess(cluster, groups.map(userOf))
  }, 300_000)
  afterAll(async () => {
    await cluster?.close()
    await brokers?.stop()
  })

  it(`reads ${count} topics in as many requests as ${count / 10}`, async () => {
    const few = await requestsOf(brokers, topics.slice(0, count / 10), groups.slice(0, count / 100))
    const many = await requestsOf(brokers, topics, groups)
    for (const [topics, sent] of [
      [count / 10, few],
      [count, many],
    ] as const) {
      process.stderr.write(`${topics} topics: ${JSON.stringify(Object.fromEntries(sent))}\n`)
    }
    const looks = (all: ReadonlyMap<string, number>) => all.get('Fetch') ?? 0
    const perBroker = (count * PARTITIONS) / BROKERS
    expect(looks(few)).toBeGreaterThanOrEqual(BROKERS * 2)
    // Its head and its tail; a broker may lead a few more than its share.
    const most = BROKERS * 2 * (Math.ceil(perBroker / SAMPLED_AT_ONCE) + 1)
    expect(looks(many)).toBeLessThanOrEqual(most)
    for (const [api, sent] of many) {
      if (api === 'Fetch') continue
      // A few groups may not be on all brokers, which many are; and what is retriable is asked again.
      expect(sent - (few.get(api) ?? 0), api).toBeLessThanOrEqual(BROKERS * 3)
      // The most are three kinds of offset, on both sides, asked of each broker.
      expect(sent, api).toBeLessThanOrEqual(BROKERS * 8)
    }
  }, 300_000)
}

/** One record in each partition, and commits of groups on all partitions of ten topics each. */
const fill = async (
  cluster: Cluster,
  topics: readonly TopicName[],
  groups: readonly GroupId[],
): Promise<void> => {
  for (let from = 0; from < topics.length; from += 200) {
    const some = topics.slice(from, from + 200)
    const { failed } = await cluster.createTopics(
      some.map((name) => ({
        name,
        partitions: PARTITIONS,
        replicationFactor: 1,
        configs: new Map(),
      })),
    )
    expect([...failed.values()]).toEqual([])
  }
  // Answers once every partition is led by who was made its leader.
  const all = topics.flatMap((topic) => partitionNumbers.map((partition) => ({ topic, partition })))
  expect([...(await cluster.listOffsets(all, 'latest')).failed.values()]).toEqual([])
  const batch = batchOf(['one'])
  for (const { nodeId } of (await cluster.describeCluster()).brokers) {
    const leaders = await cluster.leaders(topics, 0)
    const led = (name: TopicName, partition: number) =>
      leaders.get(partitionKey(name, partition))?.leader === nodeId
    const link = await cluster.connectBroker(nodeId)
    const answers = await link.produce({
      topics: topics.map((topic) => ({
        topic,
        partitions: partitionNumbers
          .filter((partition) => led(topic, partition))
          .map((partition) => ({ partition, batch: [batch] })),
      })),
      timeoutMs: 30_000,
    })
    expect(answers.filter(({ errorCode }) => errorCode !== 0)).toEqual([])
    await link.close()
  }
  for (const [i, id] of groups.entries()) {
    const commits = topics
      .slice(i * 10, i * 10 + 10)
      .flatMap((name) => partitionNumbers.map((p) => partitionKey(name, p)))
    const positions = new Map(commits.map((key) => [key, { offset: 1n, metadata: '' }]))
    const { failed } = await cluster.commitOffsets(id, positions)
    expect([...failed.values()]).toEqual([])
  }
}

/** Of the service that has the group. */
const userOf = (groupId: GroupId) => `user-of-${groupId}`

/** A credential, a quota, two ACLs and a transactional id each. */
const fillAccess = async (cluster: Cluster, users: readonly string[]): Promise<void> => {
  for (const name of users) {
    await cluster.setUser({ name, mechanism: 'scram-sha-256', password: new Secret(name) })
    await cluster.setQuota(name, { consumerByteRate: 1_000_000 })
    await cluster.takeTransactionalId(`writes-as-${name}`, 60_000)
  }
  const { failed } = await cluster.createAcls(users.flatMap(aclsOf))
  expect([...failed.values()]).toEqual([])
}

const aclsOf = (user: string): readonly AclBinding[] =>
  (['TOPIC', 'TRANSACTIONAL_ID'] as const).map((resourceType) => ({
    resourceType,
    resourceName: resourceType === 'TOPIC' ? 'topic-' : `writes-as-${user}`,
    patternType: resourceType === 'TOPIC' ? 'PREFIXED' : 'LITERAL',
    principal: `User:${user}`,
    host: '*',
    operation: 'WRITE',
    permission: 'ALLOW',
  }))

const partitionNumbers = Array.from({ length: PARTITIONS }, (_, i) => i)

/** What two fresh connections to the cluster, as source and as target, send to observe a migration. */
const requestsOf = async (
  brokers: TestCluster,
  topics: readonly TopicName[],
  groups: readonly GroupId[],
): Promise<ReadonlyMap<string, number>> => {
  const users = groups.map(userOf)
  const clusters = { source: await connect(brokers), target: await connect(brokers) }
  const sent = new Map<string, number>()
  const { send } = BrokerConnection.prototype
  const spy = vi.spyOn(BrokerConnection.prototype, 'send').mockImplementation(function (
    this: BrokerConnection,
    ...args
  ) {
    // Finding a way to the brokers is not asking them.
    if (!/^(ApiVersions|Sasl)/.test(args[0].name))
      sent.set(args[0].name, (sent.get(args[0].name) ?? 0) + 1)
    return send.apply(this, args)
  })
  try {
    const place = { file: 'plans/orders.yaml', line: 1, column: 1, pointer: '' }
    const desired = migration({
      topics: topics.map((name) => topicSpec(name)),
      groups: groups.map((id) => ({
        id: group(id),
        at: place,
        uncommitted: 'absent',
        uncommittedSaid: false,
      })),
      users: users.map((name) => ({
        name,
        mechanism: 'scram-sha-256',
        password: new Secret(name),
        passwordVersion: 1,
        at: place,
      })),
      quotas: users.map((user) => ({
        user,
        at: place,
        producerByteRate: undefined,
        consumerByteRate: 1_000_000,
      })),
      access: users.map((user) => ({ ...ACCESS, principal: `User:${user}` })),
    })
    const observed = await observe(
      clusters,
      desired,
      () => new Date(),
      new AbortController().signal,
    )
    expect(observed.problems).toEqual([])
    const { target, source } = observed
    expect([target.users.size, target.quotas.size]).toEqual([users.length, users.length])
    const seen = Array.isArray(target.acls) ? target.acls.map(({ principal }) => principal) : []
    expect(seen).toEqual(expect.arrayContaining(users.map((user) => `User:${user}`)))
    expect(source.coverage?.notVisible).toEqual([])
    expect(observed.source.topics.size).toBe(topics.length)
    const sampled = [...observed.source.topics.values()].flatMap(({ partitions }) => partitions)
    expect(sampled.filter(({ sample }) => sample === null)).toEqual([])
    expect([...observed.source.groups.values()].every(({ commits }) => commits.size === 40)).toBe(
      true,
    )
    return sent
  } finally {
    spy.mockRestore()
    await Promise.all([clusters.source.close(), clusters.target.close()])
  }
}
