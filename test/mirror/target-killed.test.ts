import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it, test } from 'vitest'
import { type PartitionKey, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import type { Seal } from '../../src/domain/mark.ts'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import { FORGETS_LOG_STARTS } from '../kafka/log-starts.ts'
import { oracle } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import {
  createTopic,
  cutLog,
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
  pair = await startPair({ target: { config: FORGETS_LOG_STARTS } })
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

  it('deletes the filler again that it had deleted right before, also where nothing is copied any more, and nothing that others wrote', async () => {
    const topic = topicName('filler')
    const partitions = [0, 1, 2, 3]
    const [flowing, sealed, stopped, filled] = partitions as [number, number, number, number]
    const places = partitions.map((partition) => ({ topic, partition }))
    await createTopic(pair.from, topic, partitions.length)
    await createTopic(pair.to, topic, partitions.length)
    const upTo = 2_000n
    await oracle.produce(pair.source, topic, { count: 2_000 * 4, size: 10, partitions })
    const ends = await endsOf(pair.from, places)
    strictEqual(ends.get(key(topic, filled)), upTo)
    await pair.from.deleteRecords(ends)
    await oracle.produce(pair.source, topic, { count: 400, size: 10, partitions })
    const filler = await pair.to.initProducerId()
    // In two batches of filler.
    const half = partitions.map(() => upTo / 2n)
    await primeUpTo(pair.to, topic, half, filler)
    await primeUpTo(
      pair.to,
      topic,
      partitions.map(() => upTo),
      filler,
    )
    const marks = await markTopic(pair.from, pair.to, topic, {
      mode: 'identical',
      fillerProducerId: filler.producerId,
    })
    const starts = async () => (await oracle.offsets(pair.target, topic)).map(({ start }) => start)
    const broker = pair.target.brokers[0]!
    await broker.kill('SIGKILL')
    // The second and last batch of filler was not flushed.
    cutLog(join(broker.dataFolder!, `${topic}-${filled}`), 1)
    await broker.start()
    deepStrictEqual(await starts(), [0n, 0n, 0n, 0n], 'log starts are durable: this shows nothing')
    // Where filler was, and more; behind the filler.
    await oracle.produce(pair.target, topic, { count: 1_050, size: 10, partitions: [filled] })
    await oracle.produce(pair.target, topic, { count: 1, partitions: [stopped] })
    await withFolder(async (folder) => {
      const lines: string[] = []
      const log = ({ message }: { readonly message: string }) => void lines.push(message)
      const wentBack = (partition: number) =>
        lines.filter((line) => line.startsWith(`${key(topic, partition)}: the target's log start`))
          .length
      const mirror = startMirror(
        mirrorOptions(pair.from, pair.to, new FileProgress(`${folder}/p`), { log }),
        { watchEveryMs: 200 },
      )
      const hidden = [upTo, upTo, upTo, 0n]
      const untilHidden = () =>
        waitFor('the filler to be deleted', { timeoutMs: 40_000 }, async () => {
          const found = await starts()
          return found.every((start, i) => start === hidden[i]) || undefined
        })
      try {
        const end = { topic, partition: sealed, sourceEnd: upTo, targetEnd: upTo, at: '' }
        mirror.follow([{ migration: 'm', marks, seals: [end as Seal] }])
        const reports = await untilCopied(mirror, await endsOf(pair.from, places))
        const problems = new Map(reports.map((r) => [r.partition, r.problem?.detail]))
        match(problems.get(stopped)!, /target offset 2000 were not written by this mirror/)
        match(
          problems.get(filled)!,
          /begins at 0 instead of the mark at 2000, .*\(a producer without an id\)\. Nothing of target offsets 0 to 1999 was deleted/,
        )
        await untilHidden()
        // By the check, before the first record: the watch had nothing to do but where nothing is copied.
        deepStrictEqual([wentBack(flowing), wentBack(sealed)], [0, 1])
        const from = { partitions: [flowing] }
        deepStrictEqual(
          await oracle.read(pair.target, topic, from),
          await oracle.read(pair.source, topic, from),
        )
        // And while it runs.
        await broker.kill('SIGKILL')
        await broker.start()
        await untilHidden()
        deepStrictEqual([wentBack(sealed), wentBack(stopped)], [2, 1])
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
