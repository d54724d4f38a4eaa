import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import { oracle, type RecordToWrite } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import {
  contentOf,
  createTopic,
  endsOf,
  FileProgress,
  markTopic,
  mirrorOptions,
  type Pair,
  primeUpTo,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from './_support.ts'

const DAY = 24 * 60 * 60 * 1000

/** Null and empty, repeated headers, old and missing timestamps. */
const awkward = (partition: number): RecordToWrite[] => [
  { partition, key: null, value: 'no key', timestamp: 1 },
  { partition, key: 'tombstone', value: null, timestamp: Date.now() - 90 * DAY },
  {
    partition,
    key: '',
    value: '',
    headers: [
      ['h', null],
      ['h', ''],
      ['h', 'x'],
    ],
  },
  { partition, key: 'k', value: 'v'.repeat(40_000), timestamp: Date.now() + 60_000 },
]

describe('a mirror', () => {
  let pair: Pair
  beforeAll(async () => {
    pair = await startPair()
  })
  afterAll(() => pair?.stop())

  for (const mode of ['dense', 'identical'] as const) {
    it(`copies every record exactly once, in order, unchanged (${mode})`, async () => {
      const { source, target, from, to } = pair
      const topic = topicName(`copy-${mode}`)
      const partitions = [0, 1, 2].map((partition) => ({ topic, partition }))
      await createTopic(from, topic, 3)
      await createTopic(to, topic, 3)
      for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
        await oracle.produce(source, topic, {
          count: 3_000,
          partitions: [0, 1],
          compression,
          batchSize: 4_000,
        })
        await oracle.write(source, topic, [...awkward(0), ...awkward(1)], { compression })
      }
      await oracle.produce(source, topic, {
        count: 500,
        batchSize: 0,
        timestamp: Date.now() - 3 * DAY,
      })
      const key = `${topic}:0` as never
      // Whole batches only: the start of the source's log must be one of a batch.
      const batches = await oracle.write(source, topic, awkward(2))
      ok(batches.length > 0)
      if (mode === 'identical') {
        await oracle.produce(source, topic, { count: 250_000, size: 10, partitions: [2] })
        const end = (await endsOf(from, partitions)).get(`${topic}:2` as never)!
        await from.deleteRecords(new Map([[`${topic}:2` as never, end]]))
        await oracle.produce(source, topic, { count: 1_000, partitions: [2], compression: 'lz4' })
      }
      const filler = await to.initProducerId()
      if (mode === 'identical') {
        const starts = (await from.listOffsets(partitions, 'earliest')).ok
        strictEqual(starts.get(key), 0n)
        const upTo = partitions.map(
          ({ partition }) => starts.get(`${topic}:${partition}` as never)!,
        )
        await primeUpTo(to, topic, upTo, filler)
      }
      const marks = await markTopic(from, to, topic, { mode, fillerProducerId: filler.producerId })
      if (mode === 'identical') ok(marks.every((m) => (m.sourceStart as bigint) === m.targetStart))
      await withFolder(async (folder) => {
        const store = new FileProgress(`${folder}/progress`)
        const mirror = startMirror(mirrorOptions(from, to, store))
        mirror.follow([{ migration: 'm', marks, seals: [] }])
        // Some while it runs.
        await untilCopied(mirror, await endsOf(from, partitions))
        await oracle.write(source, topic, [...awkward(0), ...awkward(1), ...awkward(2)])
        const ends = await endsOf(from, partitions)
        const reports = await untilCopied(mirror, ends)
        deepStrictEqual(
          reports.map((r) => r.state),
          ['mirroring', 'mirroring', 'mirroring'],
        )
        ok(mirror.counters.batchesMerged > 0)
        ok(mirror.counters.batchesPassedThrough > 0)
        await mirror.stop()
        const progress = await store.readProgress()
        for (const [k, end] of ends) strictEqual(progress.get(k)!.mirroredTo, end)
        // A new one goes on from there, and has nothing to do.
        const again = startMirror(mirrorOptions(from, to, store))
        again.follow([{ migration: 'm', marks, seals: [] }])
        await untilCopied(again, ends)
        strictEqual(
          again.reports().reduce((sum, r) => sum + r.records, 0),
          0,
        )
        await again.stop()
      })
      const [before, after] = await Promise.all([
        oracle.read(source, topic),
        oracle.read(target, topic),
      ])
      if (mode === 'identical') deepStrictEqual(after, before)
      else {
        deepStrictEqual(contentOf(after), contentOf(before))
        deepStrictEqual(
          after.map((r) => r.offset),
          before.map((r) => r.offset - marks[r.partition]!.sourceStart),
        )
      }
    })
  }

  describe('of a target topic that changes in the middle', () => {
    const begin = async (name: string, folder: string) => {
      const topic = topicName(name)
      await createTopic(pair.from, topic, 1)
      await createTopic(pair.to, topic, 1)
      await oracle.produce(pair.source, topic, { count: 100 })
      const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
      const place = [{ topic, partition: 0 }]
      const options = mirrorOptions(pair.from, pair.to, new FileProgress(folder))
      const mirror = startMirror(options)
      mirror.follow([{ migration: 'm', marks, seals: [] }])
      await untilCopied(mirror, await endsOf(pair.from, place))
      return { topic, place, mirror }
    }

    it('and takes only smaller batches: they are made anew', async () => {
      await withFolder(async (folder) => {
        const { topic, place, mirror } = await begin('shrunk', folder)
        try {
          const configs = new Map([['max.message.bytes', '20000']])
          strictEqual((await pair.to.alterTopicConfigs(new Map([[topic, configs]]))).failed.size, 0)
          const { source, target } = pair
          await oracle.produce(source, topic, { count: 3_000, firstId: 100, batchSize: 100_000 })
          const [report] = await untilCopied(mirror, await endsOf(pair.from, place))
          strictEqual(report!.problem, undefined)
          ok(report!.errors > 0, 'it took all of it: this shows nothing')
          const [before, after] = [
            await oracle.read(source, topic),
            await oracle.read(target, topic),
          ]
          deepStrictEqual(contentOf(after), contentOf(before))
        } finally {
          await mirror.stop()
        }
      })
    })

    it('and is deleted, with batches on their way: the partition stops and says so', async () => {
      await withFolder(async (folder) => {
        const { topic, mirror } = await begin('vanished', folder)
        try {
          strictEqual((await pair.to.deleteTopics([topic])).failed.size, 0)
          await oracle.produce(pair.source, topic, { count: 3_000, firstId: 100 })
          const stopped = () => mirror.reports().find(({ state }) => state === 'stopped')
          const { problem } = await waitFor('it to stop', { timeoutMs: 60_000 }, stopped)
          strictEqual(problem!.code, 'FERRY1613')
        } finally {
          await mirror.stop()
        }
      })
    })
  })

  it('can not tell by the answer which of several control markers were refused', async () => {
    const topic = topicName('markers')
    await createTopic(pair.to, topic, 1)
    const { producerId } = await pair.to.initProducerId()
    const link = await pair.to.connectBroker(pair.target.brokers[0]!.id)
    /** One marker for each coordinator epoch, in one request. */
    const write = (epochs: number[]) =>
      link.writeMarkers({
        topic,
        partition: 0,
        count: epochs.length,
        producerId,
        producerEpoch: 0,
        get coordinatorEpoch() {
          return epochs.shift()!
        },
      })
    try {
      strictEqual(await write([5]), 0)
      // A lower one than before is refused.
      strictEqual(await write([4]), 52)
      strictEqual(await write([4, 4, 5]), 0)
      const ends = await endsOf(pair.to, [{ topic, partition: 0 }])
      deepStrictEqual([...ends.values()], [2n])
    } finally {
      await link.close()
    }
  })
})
