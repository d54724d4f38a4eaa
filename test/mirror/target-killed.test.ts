import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it, test } from 'vitest'
import { type PartitionKey, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import { oracle } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import {
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

const key = (topic: TopicName, partition = 0): PartitionKey => partitionKey(topic, partition)

let pair: Pair
beforeAll(async () => {
  pair = await startPair()
})
afterAll(() => pair?.stop())

describe('a mirror whose target broker is killed', () => {
  it('goes on from what the target holds', async () => {
    const topic = topicName('broker')
    await createTopic(pair.from, topic, 1)
    await createTopic(pair.to, topic, 1)
    const places = [{ topic, partition: 0 }]
    const timestamp = Date.now() - 100_000_000
    await oracle.produce(pair.source, topic, { count: 200_000, size: 300, timestamp })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const broker = pair.target.brokers[0]!
      const options = mirrorOptions(pair.from, pair.to, new FileProgress(`${folder}/progress`), {
        throttle: 8_000_000,
      })
      const mirror = startMirror(options, { saveEveryMs: 100 })
      try {
        mirror.follow([{ migration: 'm', marks, seals: [] }])
        await waitFor('some records', { timeoutMs: 40_000 }, () =>
          mirror.reports()[0]!.records > 20_000 ? true : undefined,
        )
        await broker.kill('SIGKILL')
        await broker.start()
        await untilCopied(mirror, await endsOf(pair.from, places), 90_000)
      } finally {
        await mirror.stop()
      }
    })
    const [before, after] = await Promise.all([
      oracle.digest(pair.source, topic),
      oracle.digest(pair.target, topic),
    ])
    deepStrictEqual(after, before)
  })

  it('deletes the filler again that it had deleted right before', async () => {
    const topic = topicName('filler')
    await createTopic(pair.from, topic, 1)
    await createTopic(pair.to, topic, 1)
    await oracle.produce(pair.source, topic, { count: 120_000, size: 10 })
    const end = (await endsOf(pair.from, [{ topic, partition: 0 }])).get(key(topic))!
    await pair.from.deleteRecords(new Map([[key(topic), end]]))
    await oracle.produce(pair.source, topic, { count: 100, size: 10 })
    const filler = await pair.to.initProducerId()
    await primeUpTo(pair.to, topic, [end], filler)
    // Again: nothing to do.
    await primeUpTo(pair.to, topic, [end], filler)
    const marks = await markTopic(pair.from, pair.to, topic, {
      mode: 'identical',
      fillerProducerId: filler.producerId,
    })
    const broker = pair.target.brokers[0]!
    await broker.kill('SIGKILL')
    await broker.start()
    const [filled] = await oracle.offsets(pair.target, topic)
    strictEqual(filled!.start, 0n, 'this broker made the log start durable: the test shows nothing')
    await withFolder(async (folder) => {
      const lines: string[] = []
      const log = ({ message }: { readonly message: string }) => void lines.push(message)
      const wentBack = () => lines.filter((line) => line.includes('log start went back')).length
      const mirror = startMirror(
        mirrorOptions(pair.from, pair.to, new FileProgress(`${folder}/p`), { log }),
        { watchEveryMs: 200 },
      )
      try {
        mirror.follow([{ migration: 'm', marks, seals: [] }])
        await untilCopied(mirror, await endsOf(pair.from, [{ topic, partition: 0 }]))
        const [now] = await oracle.offsets(pair.target, topic)
        strictEqual(now!.start, end)
        // By the check, before the first record: the watch had nothing to do.
        strictEqual(wentBack(), 0)
        deepStrictEqual(
          await oracle.read(pair.target, topic),
          await oracle.read(pair.source, topic),
        )
        // And while it runs.
        await broker.kill('SIGKILL')
        await broker.start()
        await waitFor('the filler to be deleted', { timeoutMs: 40_000 }, async () => {
          const [found] = await oracle.offsets(pair.target, topic)
          return found!.start === end ? true : undefined
        })
      } finally {
        await mirror.stop()
      }
    })
  })
})

test('a prime makes millions of offsets a second', async () => {
  const topic = topicName('fast')
  await createTopic(pair.to, topic, 1)
  const start = performance.now()
  await primeUpTo(pair.to, topic, [20_000_000n], await pair.to.initProducerId())
  const perSecond = 20_000 / (performance.now() - start)
  process.stderr.write(
    `primed ${perSecond.toFixed(1)} million offsets a second, joining and leaving included\n`,
  )
  ok(perSecond > 0.5)
})
