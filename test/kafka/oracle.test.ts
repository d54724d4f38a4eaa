import { deepStrictEqual, notStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { oracle, startKafka, type TestCluster } from './index.ts'

describe('oracle', () => {
  let cluster: TestCluster
  let kafka: kafkajs.Kafka

  beforeAll(async () => {
    // Some records are of 1970.
    cluster = await startKafka({ version: '4.x', config: { 'log.retention.ms': '-1' } })
    kafka = new kafkajs.Kafka(cluster.kafka())
    const admin = kafka.admin()
    await admin.connect()
    const topics = ['fields', 'copy', 'transactions', 'many', 'idle']
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 2 })) })
    await admin.disconnect()
  })
  afterAll(() => cluster?.stop())

  it('tells null from empty, and sees duplicate headers and null values', async () => {
    const headers: [string, string | null][] = [
      ['trace', '1'],
      ['trace', null],
      ['', ''],
    ]
    await oracle.write(cluster, 'fields', [
      { key: null, value: 'ä', timestamp: 5 },
      { key: '', value: null, timestamp: 6 },
      { partition: 1, key: 'k', value: '', timestamp: 7, headers },
    ])
    const seen = await oracle.readText(cluster, 'fields')
    deepStrictEqual(
      seen.map(({ partition, offset, timestamp, key, value, headers }) => {
        return { partition, offset, timestamp, key, value, headers }
      }),
      [
        { partition: 0, offset: 0n, timestamp: 5n, key: null, value: 'ä', headers: [] },
        { partition: 0, offset: 1n, timestamp: 6n, key: '', value: null, headers: [] },
        { partition: 1, offset: 0n, timestamp: 7n, key: 'k', value: '', headers },
      ],
    )
    const [first, second] = await oracle.read(cluster, 'fields', { partitions: [0] })
    strictEqual(first!.keyHash, null)
    // The first 64 bits of SHA-256 over nothing.
    strictEqual(second!.keyHash, 'e3b0c44298fc1c14')
    strictEqual(second!.valueHash, null)
  })

  it('gives equal partitions equal digests, and others other ones', async () => {
    const records = { count: 100, partitions: [0], timestamp: 1_000, timestampStep: 1 }
    await oracle.produce(cluster, 'many', records)
    await oracle.produce(cluster, 'copy', { ...records, compression: 'zstd', batchSize: 0 })
    const digest = async (topic: string) =>
      (await oracle.digest(cluster, topic, { partitions: [0] }))[0]!
    deepStrictEqual(await digest('copy'), await digest('many'))
    await oracle.write(cluster, 'copy', [{ key: null, value: '' }])
    await oracle.write(cluster, 'many', [{ key: '', value: '' }])
    notStrictEqual((await digest('copy')).sha256, (await digest('many')).sha256)
  })

  it('reads transactions with either isolation', async () => {
    const transactional = { transactionalId: 'writer', commitEvery: 10, abortEvery: 3 }
    await oracle.produce(cluster, 'transactions', { count: 60, ...transactional })
    const all = await oracle.read(cluster, 'transactions')
    const committed = await oracle.read(cluster, 'transactions', { isolation: 'read_committed' })
    strictEqual(all.length, 60)
    strictEqual(committed.length, 40)
  })

  it('says why it cannot answer, and answers the next question, several at a time', async () => {
    const asked = oracle.produce(cluster, 'idle', { count: 1, acks: '5' as '0' })
    await rejects(asked, /configuration acks/)
    const all = await Promise.all(['fields', 'idle'].map((topic) => oracle.offsets(cluster, topic)))
    deepStrictEqual(
      all.map(([first]) => first!.start),
      [0n, 0n],
    )
    await rejects(oracle.read(cluster, 'fields', { fromOffset: -1n, timeoutMs: -9_999 }), /killed/)
  })

  it('shows what a group has committed, with its metadata', async () => {
    const consumer = kafka.consumer({ groupId: 'billing' })
    await consumer.connect()
    // Not the topic it commits for: kafkajs would reset positions that it cannot fetch from.
    await consumer.subscribe({ topics: ['idle'], fromBeginning: true })
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await joined
    await consumer.commitOffsets([
      { topic: 'many', partition: 0, offset: '42', metadata: 'héllo' },
      { topic: 'many', partition: 1, offset: '0' },
    ])
    await consumer.disconnect()
    deepStrictEqual(await oracle.groupOffsets(cluster, 'billing'), [
      { topic: 'many', partition: 0, offset: 42n, leaderEpoch: -1, metadata: 'héllo' },
      { topic: 'many', partition: 1, offset: 0n, leaderEpoch: -1, metadata: '' },
    ])
  })
})
