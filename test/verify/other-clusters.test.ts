import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { afterEach, describe, it } from 'vitest'
import type { PartitionKey, TopicName } from '../../src/domain/ids.ts'
import { forEachRecord } from '../../src/records/read-records.ts'
import { LogReader, nextBatchOf } from '../../src/verify/index.ts'
import { connect } from '../adapter/connect.ts'
import { oracle, startKafka } from '../kafka/index.ts'
import {
  createTopic,
  gap,
  markOf,
  type Pair,
  recordsFrom,
  startPair,
  transact,
  verify,
  write,
} from './pair.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const noNulls = (count: number, from = 0) =>
  recordsFrom(from, count).map((record) => ({ ...record, headers: [] }))

describe('other clusters', () => {
  it('a source of 1.1: good and bad copies, transactions', async () => {
    const pair: Pair = await startPair('1.1')
    stops.push(pair.stop)
    const topic = await createTopic(pair, 'orders')
    await write(pair.clusters.source, topic, recordsFrom(0, 500))
    await write(pair.clusters.target, topic, recordsFrom(0, 500), { batch: 64, codec: 'lz4' })
    const good = await verify(pair, [markOf(topic, 0, 0)])
    deepStrictEqual(good.problems, [])
    strictEqual(good.report.topics[0]!.partitions[0]!.compared, 500)

    const tx = await createTopic(pair, 'tx')
    const transactions = [true, false, true].map((commit, i) => ({
      records: noNulls(10, i * 10),
      commit,
    }))
    await transact(pair.brokers.source, tx, transactions)
    const visible = [...noNulls(10), ...noNulls(10, 20)]
    await write(pair.clusters.target, tx, visible.with(15, { ...visible[15]!, key: null }))
    const gaps = [gap(10, 22), gap(32, 33)]
    const bad = await verify(pair, [markOf(tx, 0, 0)], { gaps })
    match(
      bad.problems[0]!,
      /^FERRY1801 .*offset 27 on old and offset 15 on new .*null on the target/,
    )
  })

  it('a leader that is killed while its partition is read', async () => {
    const brokers = await startKafka({ version: '4.x', brokers: 3 })
    stops.push(() => brokers.stop())
    // One question to a broker that is gone is given up, as by the built ferry, long before the reader's patience ends.
    const cluster = await connect(brokers, {}, 15_000)
    stops.push(() => cluster.close())
    const name = 'moving' as TopicName
    const configs = new Map([['min.insync.replicas', '1']])
    await cluster.createTopics([{ name, partitions: 1, replicationFactor: 3, configs }])
    await oracle.produce(brokers, name, { count: 20_000, size: 500, acks: 'all' })
    const key = `${name}:0` as PartitionKey
    const end = Number(
      (await cluster.listOffsets([{ topic: name, partition: 0 }], 'latest')).ok.get(key),
    )
    strictEqual(end, 20_000)

    const reader = new LogReader(cluster, { patienceMs: 180_000 }, new AbortController().signal)
    const stream = reader.read({ topic: name, partition: 0, from: 0, to: end }, 256 * 1024)
    const offsets: number[] = []
    let killed = false
    while ((await nextBatchOf(stream)) === 'batch') {
      forEachRecord(stream.batch, stream.at, ({ offset }) => offsets.push(offset))
      if (!killed && offsets.length > 5_000) {
        killed = true
        const { leader } = (await cluster.leaders([name], 0)).get(key)!
        await brokers.brokers.find(({ id }) => id === leader)!.kill()
      }
    }
    await reader.close()
    deepStrictEqual(stream.stopped, { kind: 'end' })
    deepStrictEqual(
      offsets,
      Array.from({ length: end }, (_, i) => i),
    )
    strictEqual(killed, true)
  })
})
