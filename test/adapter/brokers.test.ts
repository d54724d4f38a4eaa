import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type GroupId,
  parsePartitionKey,
  partitionKey,
  type TopicName,
} from '../../src/domain/ids.ts'
import {
  type BrokerLink,
  type Cluster,
  LinkLost,
  type TopicDescription,
} from '../../src/kafka/cluster.ts'
import { type KafkaVersion, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { connect } from './connect.ts'

const name = 'spread' as TopicName
const groups = Array.from({ length: 30 }, (_, i) => `group-${i}` as GroupId)
const partitions = Array.from({ length: 30 }, (_, partition) => ({ topic: name, partition }))

/** The end of a broker is seen a moment before that of its connections. */
const untilLost = (link: BrokerLink): Promise<true> =>
  waitFor('the connection to be lost', { timeoutMs: 10_000 }, () =>
    link.connected ? undefined : true,
  )

describe('a cluster of three brokers', () => {
  let brokers: TestCluster
  let cluster: Cluster

  beforeAll(async () => {
    brokers = await startKafka({ version: '4.x', brokers: 3 })
    cluster = await connect(brokers)
    const created = await cluster.createTopics([
      { name, partitions: partitions.length, replicationFactor: 3, configs: new Map() },
    ])
    expect([...created.failed.values()]).toEqual([])
  })
  afterAll(async () => {
    await cluster?.close()
    await brokers?.stop()
  })

  test('asks leaders and coordinators, wherever they are', async () => {
    const offsets = await cluster.listOffsets(partitions, 'latest')
    expect([offsets.ok.size, offsets.failed.size]).toEqual([30, 0])
    const leaders = await cluster.leaders([name], 0)
    expect(new Set([...leaders.values()].map(({ leader }) => leader)).size).toBe(3)
    const key = partitionKey(name, 3)
    for (const group of groups) {
      const commits = new Map([[key, { offset: 0n, metadata: '' }]])
      expect((await cluster.commitOffsets(group, commits)).failed.size).toBe(0)
    }
    const described = await cluster.describeGroups(groups)
    expect([...described.ok.values()].map(({ state }) => state)).toEqual(groups.map(() => 'empty'))
    expect((await cluster.fetchCommits(groups)).ok.size).toBe(groups.length)
    expect((await cluster.listGroups()).length).toBe(groups.length)
  })

  test('the log end of a leader holds what is not replicated yet, which the high watermark hides', async () => {
    const sleeper = brokers.brokers[2]!
    const leaders = await cluster.leaders([name], 0)
    const [key] = [...leaders].find(([, { leader }]) => leader !== sleeper.id)!
    const asked = [parsePartitionKey(key)]
    const watermark = async () => (await cluster.listOffsets(asked, 'latest')).ok.get(key)!
    const leaderEnd = async () => (await cluster.leaderEnds(asked)).ok.get(key)!.end
    const producer = new kafkajs.Kafka(brokers.kafka()).producer()
    await producer.connect()
    try {
      // Out of sync it hides nothing any more: on a slow machine that may come first.
      await waitFor('a record that is hidden', { timeoutMs: 120_000 }, async () => {
        await sleeper.kill('SIGSTOP')
        try {
          const messages = [{ partition: asked[0]!.partition, value: 'not replicated' }]
          // Where the broker itself says that it stands: a send that was tried again may have been appended twice.
          const [sent] = await producer.send({ topic: name, acks: 1, messages })
          const end = await leaderEnd()
          expect(end).toBe(BigInt(sent!.baseOffset!) + 1n)
          return (await watermark()) < end ? true : undefined
        } finally {
          await sleeper.kill('SIGCONT')
          await waitFor('the follower to follow', { timeoutMs: 60_000 }, async () => {
            const { partitions } = (await cluster.describeTopics([name])).ok.get(
              name,
            ) as TopicDescription
            const inSync = partitions[asked[0]!.partition]?.isr.length === 3
            return inSync && (await watermark()) === (await leaderEnd()) ? true : undefined
          })
        }
      })
    } finally {
      await producer.disconnect()
    }
  })

  test('follows leaders when a broker dies, and finds it again', async () => {
    const victim = brokers.brokers[2]
    if (victim === undefined) throw new Error('no third broker')
    const link = await cluster.connectBroker(victim.id)
    const open = link.fetch({
      topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset: 0, maxBytes: 1_000 }] }],
      maxWaitMs: 10_000,
      minBytes: 1,
      maxBytes: 1_000,
      isolation: 'read-committed',
    })
    const outcome = open.then(
      () => 'answered',
      (error: unknown) => error,
    )
    await victim.kill()
    expect(['answered', 'LinkLost']).toContain(
      await outcome.then((value) => (value instanceof LinkLost ? 'LinkLost' : value)),
    )
    await untilLost(link)
    const offsets = await cluster.listOffsets(partitions, 'latest')
    expect([offsets.ok.size, [...offsets.failed.values()]]).toEqual([30, []])
    const commits = await cluster.fetchCommits(groups)
    expect([commits.ok.size, [...commits.failed.values()]]).toEqual([30, []])
    await victim.start()
    const again = await cluster.connectBroker(victim.id)
    expect(again.connected).toBe(true)
    expect((await cluster.listOffsets(partitions, 'earliest')).failed.size).toBe(0)
  })

  test('still knows what its brokers speak when all of them are away: no check is left out', async () => {
    const before = cluster.supports('OffsetFetch')
    expect(before).toBeGreaterThanOrEqual(7)
    const link = await cluster.connectBroker(brokers.brokers[0]?.id ?? -1)
    await Promise.all(brokers.brokers.map((broker) => broker.kill()))
    await untilLost(link)
    expect(cluster.supports('OffsetFetch')).toBe(before)
    expect(cluster.supports('DescribeConfigs')).toBeDefined()
  })
})

describe.each<KafkaVersion>(['0.10.2', '1.1', '2.8'])('SCRAM on Kafka %s', (version) => {
  let broker: TestCluster

  beforeAll(async () => {
    broker = await startKafka({ version, secure: true })
  })
  afterAll(async () => {
    await broker?.stop()
  })

  test('logs in, also on a link', async () => {
    const cluster = await connect(broker)
    expect((await cluster.describeCluster()).id).toBe(broker.clusterId)
    const link = await cluster.connectBroker(broker.brokers[0]?.id ?? -1)
    expect(link.connected).toBe(true)
    const acls = await cluster.describeAcls()
    expect(version === '0.10.2' ? acls === 'no-authorizer' : Array.isArray(acls)).toBe(true)
    await cluster.close()
    expect(link.connected).toBe(false)
  })
})
