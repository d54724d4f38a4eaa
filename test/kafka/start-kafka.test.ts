import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import kafkajs, { type SASLOptions } from 'kafkajs'
import { afterEach, describe, it } from 'vitest'
import {
  type KafkaVersion,
  oracle,
  type StartOptions,
  startKafka,
  type TestCluster,
} from './index.ts'
import { KAFKA_VERSIONS } from './versions.ts'

const VERSIONS: readonly KafkaVersion[] = process.env.MATRIX
  ? KAFKA_VERSIONS
  : ['1.1', '2.8', '4.x']

const running: TestCluster[] = []

/** How long each single broker with KRaft took until it was ready, in milliseconds. */
const kraftStarts: number[] = []

async function timed<T>(version: KafkaVersion, starting: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const started = await starting()
  if (version === '4.x') kraftStarts.push(performance.now() - began)
  return started
}

async function start(options: StartOptions): Promise<TestCluster> {
  const starting = () => startKafka(options)
  const cluster = await (options.brokers ? starting() : timed(options.version, starting))
  running.push(cluster)
  return cluster
}

afterEach(() => Promise.all(running.splice(0).map((cluster) => cluster.stop())))

async function createTopic(cluster: TestCluster, topic: string, replicationFactor = 1) {
  const admin = new kafkajs.Kafka(cluster.kafka()).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor }] })
  await admin.disconnect()
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('startKafka', () => {
  for (const version of VERSIONS) {
    it(`${version} starts, takes records, survives a kill and stops`, async () => {
      const cluster = await start({ version })
      match(cluster.clusterId, /^[\w-]{22}$/)
      await createTopic(cluster, 'orders')
      await oracle.produce(cluster, 'orders', { count: 10 })

      const [broker] = cluster.brokers
      const first = broker!.pid
      await broker!.kill()
      strictEqual(isAlive(first), false)
      await timed(version, () => broker!.start())

      deepStrictEqual(await oracle.offsets(cluster, 'orders'), [
        { partition: 0, start: 0n, end: 10n, stable: 10n },
      ])
      await cluster.stop()
      strictEqual(isAlive(broker!.pid), false)
    })
  }

  const secured: readonly KafkaVersion[] = process.env.MATRIX ? KAFKA_VERSIONS : ['2.8', '4.x']
  for (const version of secured) {
    it(`${version} lets in SCRAM users only, and lets them do nothing without ACLs`, async () => {
      const users = [{ name: 'bob', password: 'bob-secret' }]
      const cluster = await start({ version, secure: true, users })
      await createTopic(cluster, 'orders')

      const asBob = { username: 'bob', password: 'bob-secret' }
      // Before 1.0, a topic that one may not see was said not to be there.
      const refused = { type: /^(TOPIC_AUTHORIZATION_FAILED|UNKNOWN_TOPIC_OR_PARTITION)$/ }
      await rejects(describeTopic(cluster, { mechanism: 'scram-sha-256', ...asBob }), refused)
      await rejects(describeTopic(cluster, { mechanism: 'scram-sha-512', ...asBob }), refused)
      await rejects(
        describeTopic(cluster, { mechanism: 'scram-sha-512', ...asBob, password: 'wrong' }),
        { name: 'KafkaJSSASLAuthenticationError' },
      )
      strictEqual((await describeTopic(cluster)).length, 1)
    })
  }

  it('starts three brokers, of which one may die', async () => {
    const cluster = await start({ version: '4.x', brokers: 3 })
    strictEqual(cluster.bootstrapServers.length, 3)
    await createTopic(cluster, 'orders', 3)
    await cluster.brokers[0]!.kill()
    await oracle.produce(cluster, 'orders', { count: 5 })
    await cluster.brokers[0]!.start()
    const [written] = await oracle.digest(cluster, 'orders')
    strictEqual(written!.count, 5n)
  })

  // What else a machine does makes a start slower, never faster.
  it('has a broker with KRaft ready in less than ten seconds: the quickest of its starts', () => {
    ok(kraftStarts.length >= 3, `${kraftStarts.length} starts`)
    ok(Math.min(...kraftStarts) < 10_000, `${kraftStarts.map(Math.round)} ms`)
  })

  it('shows the end of the log when a broker refuses its settings', async () => {
    await rejects(
      startKafka({ version: '4.x', config: { 'log.segment.bytes': 'many' } }),
      /log\.segment\.bytes/,
    )
  })
})

async function describeTopic(cluster: TestCluster, sasl?: SASLOptions) {
  const overrides = { retry: { retries: 0 }, ...(sasl && { sasl }) }
  const admin = new kafkajs.Kafka(cluster.kafka(overrides)).admin()
  try {
    await admin.connect()
    return (await admin.fetchTopicMetadata({ topics: ['orders'] })).topics
  } finally {
    await admin.disconnect()
  }
}
