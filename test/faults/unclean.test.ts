import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Diagnostic } from '../../src/domain/diagnostic.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { LogReader } from '../../src/mirror/log-reader.ts'
import type { PartitionReport } from '../../src/mirror/mirror.ts'
import { type RunningMirror, startMirror } from '../../src/mirror/start-mirror.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import {
  connectTo,
  contentOf,
  createTopic,
  FileProgress,
  markTopic,
  mirrorOptions,
  topicName,
} from '../mirror/_support.ts'
import { DAY, keyOf, partitionsOf } from './_world.ts'

interface Mirroring {
  readonly mirror: RunningMirror
  readonly log: readonly string[]
  /** Starts it again after a stop. */
  resume(): Mirroring
}

const UNCLEAN = {
  'unclean.leader.election.enable': 'true',
  'min.insync.replicas': '1',
  // A follower hears so late that others have what it has.
  'replica.fetch.wait.max.ms': '5000',
}
/** What both replicas have, and what only the one that dies has. */
const SAFE = 3_000
const LOST = 2_000

const TIMESTAMP = Date.now() - 3 * DAY
const PRODUCED = { timestamp: TIMESTAMP, timestampStep: 1 }
/** What a topic holds and how it is mirrored, by its name: each fourth transaction is aborted. Padded means identical. */
const isTransactional = (topic: string): boolean => /padded|transactions/.test(topic)
const modeOf = (topic: string): 'identical' | 'dense' =>
  topic.includes('padded') ? 'identical' : 'dense'
const KINDS = ['transactions', 'padded'] as const
const REPAIRED = ['repaired', ...KINDS.map((kind) => `repaired-${kind}`)]
const GONE = ['gone', ...KINDS.map((kind) => `gone-${kind}`)]

/**
 * Three brokers where each topic has a leader and one follower. The follower dies, records are acknowledged without it, then the leader
 * dies and the follower comes back: it leads without them. The third keeps the quorum. All topics go through the same election.
 */
describe('an unclean election', () => {
  let three: TestCluster
  let single: TestCluster
  let many: Cluster
  let one: Cluster
  let folder: string
  const running: Mirroring[] = []
  let target: Mirroring
  let cut: Mirroring

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ferry-unclean-'))
    ;[three, single] = await Promise.all([
      startKafka({ version: '4.x', brokers: 3, config: UNCLEAN }),
      startKafka({ version: '4.x' }),
    ])
    ;[many, one] = await Promise.all([connectTo(three, 'many'), connectTo(single, 'one')])
    await createTopics([...REPAIRED, ...GONE, 'cut', 'rewritten', 'hidden'])
    await createTopics(['withheld'], [{ name: 'min.insync.replicas', value: '2' }])
    await loseRecords()
  })
  afterAll(async () => {
    await Promise.allSettled(running.map(({ mirror }) => mirror.stop()))
    await Promise.allSettled([many?.close(), one?.close()])
    await Promise.allSettled([three?.stop(), single?.stop()])
    await rm(folder, { recursive: true, force: true })
  })

  const [leader, follower] = [() => three.brokers[0]!, () => three.brokers[1]!]

  const createTopics = async (
    topics: readonly string[],
    configs: { readonly name: string; readonly value: string }[] = [],
  ): Promise<void> => {
    const admin = new kafkajs.Kafka(three.kafka()).admin()
    await admin.connect()
    const replicas = [leader().id, follower().id]
    await admin.createTopics({
      waitForLeaders: false,
      topics: topics.map((topic) => ({
        topic,
        configEntries: [{ name: 'retention.ms', value: '-1' }, ...configs],
        replicaAssignment: [{ partition: 0, replicas }],
      })),
    })
    await admin.disconnect()
    for (const topic of topics) {
      await createTopic(one, topicName(topic), 1)
      await untilInSync(topic)
    }
  }

  const untilInSync = (topic: string): Promise<true> =>
    waitFor(`both replicas of ${topic} to be in sync`, { timeoutMs: 30_000 }, async () => {
      const found = (await many.describeTopics([topicName(topic)])).ok.get(topicName(topic))
      return found !== 'absent' && found?.partitions[0]?.isr.length === 2 ? true : undefined
    })

  const endOf = async (cluster: Cluster, topic: string): Promise<number> => {
    const { ok: ends } = await cluster.listOffsets(partitionsOf(topic, 1), 'latest')
    return Number(ends.get(keyOf(topic, 0)) ?? -1)
  }
  const untilEnd = (cluster: Cluster, topic: string, end: number): Promise<true> =>
    waitFor(`${topic} to end at ${end}`, { timeoutMs: 60_000 }, async () =>
      (await endOf(cluster, topic)) === end ? true : undefined,
    )

  const start = async (
    name: string,
    [from, to]: readonly [Cluster, Cluster],
    topics: readonly string[],
  ): Promise<Mirroring> => {
    const { producerId: fillerProducerId } = await to.initProducerId()
    const marked = topics.map((topic) =>
      markTopic(from, to, topicName(topic), { mode: modeOf(topic), fillerProducerId }),
    )
    const marks = (await Promise.all(marked)).flat()
    const log: string[] = []
    const options = mirrorOptions(from, to, new FileProgress(join(folder, name)), {
      project: name,
      log: ({ message }) => void log.push(message),
    })
    const resume = () => {
      const mirror = startMirror(options, { saveEveryMs: 100, watchEveryMs: 1_000 })
      mirror.follow([{ migration: 'm', marks, seals: [] }])
      const found = { mirror, log, resume }
      running.push(found)
      return found
    }
    return resume()
  }
  const reportOf = ({ mirror }: Mirroring, topic: string): PartitionReport =>
    mirror.reports().find((report) => report.topic === topic)!
  const stopped = (mirroring: Mirroring, topic: string): Promise<Diagnostic> =>
    waitFor(`${topic} to stop`, { timeoutMs: 60_000 }, () => {
      const { state, problem } = reportOf(mirroring, topic)
      return state === 'stopped' ? problem : undefined
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${mirroring.log.join('\n')}`)
    })

  /** Where the target ended when the follower died, and when the leader did. */
  const safe = new Map<string, number>()
  const full = new Map<string, number>()
  /** Where the source ended when the follower died. */
  const copiedBelow = new Map<string, number>()
  const writing = (topic: string, count: number) => ({
    topic,
    count,
    ...PRODUCED,
    ...(isTransactional(topic) && { transactionalId: topic, commitEvery: 20, abortEvery: 4 }),
  })
  const untilCopied = (topic: string): Promise<true> =>
    waitFor(
      `${topic} to be copied`,
      { timeoutMs: 60_000 },
      async () => reportOf(target, topic).next === (await endOf(one, topic)) || undefined,
    )

  let rewritten: Mirroring
  const loseRecords = async (): Promise<void> => {
    const onto = [...REPAIRED, ...GONE]
    const back = ['cut', 'rewritten']
    const produce = async (count: number) => {
      await oracle.writeMany(
        single,
        onto.map((topic) => writing(topic, count)),
      )
      for (const topic of back) await oracle.produce(three, topic, { count, ...PRODUCED })
    }
    const copied = async (end: number, ends: Map<string, number>) => {
      for (const topic of onto) {
        await untilCopied(topic)
        ends.set(topic, await endOf(many, topic))
      }
      deepStrictEqual([ends.get('repaired'), ends.get('gone')], [end, end])
      for (const topic of back) await untilEnd(one, topic, end)
    }
    await produce(SAFE)
    target = await start('target', [one, many], onto)
    cut = await start('cut', [many, one], ['cut'])
    rewritten = await start('rewritten', [many, one], ['rewritten'])
    await copied(SAFE, safe)
    for (const topic of GONE) copiedBelow.set(topic, await endOf(one, topic))
    await follower().kill('SIGKILL')
    await produce(LOST)
    await copied(SAFE + LOST, full)
    // One that runs finds the cut before anything can be written there again.
    await rewritten.mirror.stop()
    const { ok: ends } = await one.listOffsets(
      GONE.flatMap((topic) => partitionsOf(topic, 1)),
      'latest',
    )
    const { failed } = await one.deleteRecords(
      new Map([...ends].map(([key, end]) => [key, end - BigInt(LOST - 500)])),
    )
    strictEqual(failed.size, 0)
    await leader().kill('SIGKILL')
    await follower().start()
    await waitFor('the follower to lead', { timeoutMs: 60_000 }, async () => {
      const leaders = await many.leaders([...onto, ...back].map(topicName), 0)
      const all = [...leaders.values()]
      return all.every((each) => each.leader === follower().id) ? true : undefined
    })
    await leader().start()
  }

  for (const topic of REPAIRED) {
    it(`of the target loses acknowledged records: they are copied again (${topic})`, async () => {
      await oracle.writeMany(single, [writing(topic, 100)])
      await untilCopied(topic)
      const [from, to] = [safe.get(topic)!, full.get(topic)!]
      const found = target.log.filter((line) => line.startsWith(`FERRY1605 ${topic}:`))
      deepStrictEqual(found, [
        `FERRY1605 ${topic}:0: the target log ends at ${from}, but had acknowledged everything below ${to}: the records at target offsets ${from} to ${to - 1} are lost. They are copied again.`,
      ])
      const isolation = 'read_committed'
      const [before, after] = await Promise.all([
        oracle.read(single, topic, { isolation }),
        // The target has no aborted data: nothing of it may be seen by anybody.
        oracle.read(three, topic),
      ])
      deepStrictEqual(contentOf(after), contentOf(before))
      if (modeOf(topic) === 'identical') {
        const offsets = (records: typeof before) => records.map(({ offset }) => offset)
        deepStrictEqual(offsets(after), offsets(before))
        strictEqual(await endOf(many, topic), await endOf(one, topic))
      }
      const { state, divergedAt } = reportOf(target, topic)
      deepStrictEqual([state, divergedAt], ['mirroring', undefined])
    })
  }

  for (const topic of GONE) {
    it(`of the target, where the source does not hold them any more: it stops with the range (${topic})`, async () => {
      const { code, detail } = await stopped(target, topic)
      strictEqual(code, 'FERRY1605')
      const [from, to] = [safe.get(topic)!, full.get(topic)!]
      const { ok: starts } = await one.listOffsets(partitionsOf(topic, 1), 'earliest')
      const gone = /source does not hold offsets (\d+) to (\d+) any more/.exec(detail)!
      match(detail, new RegExp(`${topic}:0: .* target offsets ${from} to ${to - 1} are lost\\. `))
      deepStrictEqual(gone.slice(1).map(Number), [
        copiedBelow.get(topic),
        Number(starts.get(keyOf(topic, 0))) - 1,
      ])
      strictEqual(await endOf(many, topic), from)
    })
  }

  it('of the source loses records that were copied: it stops with the range', async () => {
    const { code, detail } = await stopped(cut, 'cut')
    strictEqual(code, 'FERRY1603')
    match(detail, /cut:0: the source log ends at 3000, but everything below 5000 was copied/)
    strictEqual(await endOf(one, 'cut'), SAFE + LOST)
  })

  it('of the source that was written again since: it stops with the range', async () => {
    await oracle.produce(three, 'rewritten', { count: LOST + 500, keyPrefix: 'other-' })
    const { code, detail } = await stopped(rewritten.resume(), 'rewritten')
    strictEqual(code, 'FERRY1603')
    match(
      detail,
      /rewritten:0: from source offset 3000 on .* copied from there to target offsets 3000 to 4999\./,
    )
    strictEqual(await endOf(one, 'rewritten'), SAFE + LOST)
  })

  it('is not needed for a log end to be hidden: it is asked of the leader itself', async () => {
    const topic = 'hidden'
    const reader = new LogReader(many)
    const producer = new kafkajs.Kafka(three.kafka({ retry: { retries: 8 } })).producer()
    await producer.connect()
    try {
      await producer.send({ topic, acks: 1, messages: [{ value: 'seen' }] })
      let end = 1
      // After four seconds the follower is given up, and nothing is hidden any more: on a slow machine that is before anybody has looked.
      const seen = await waitFor('a log end to be hidden', { timeoutMs: 60_000 }, async () => {
        await untilInSync(topic)
        await untilEnd(many, topic, end)
        const leads = (await many.leaders([topicName(topic)], 0)).get(keyOf(topic, 0))!.leader
        const follows = leads === leader().id ? follower() : leader()
        try {
          await follows.kill('SIGSTOP')
          await producer.send({ topic, acks: 1, messages: [{ value: 'hidden' }] })
          end++
          const shown = await endOf(many, topic)
          const asked = (await reader.logEnd(keyOf(topic, 0))).end
          return shown === end ? undefined : { shown, asked }
        } finally {
          await follows.kill('SIGCONT')
        }
      })
      deepStrictEqual(seen, { shown: end - 1, asked: end })
      await untilEnd(many, topic, end)
      strictEqual((await reader.logEnd(keyOf(topic, 0))).end, end)
    } finally {
      await Promise.allSettled([producer.disconnect(), reader.close()])
    }
  })

  it('of the source is not what a new leader looks like that may not say yet how much it has', async () => {
    const topic = 'withheld'
    await untilInSync(topic)
    const copy = await start('withheld', [many, one], [topic])
    await oracle.produce(three, topic, { count: 100, ...PRODUCED })
    await untilEnd(one, topic, 100)
    const leads = (await many.leaders([topicName(topic)], 0)).get(keyOf(topic, 0))!.leader
    const dead = leads === leader().id ? leader() : follower()
    await dead.kill('SIGKILL')
    try {
      await waitFor('the follower to lead', { timeoutMs: 60_000 }, async () => {
        const now = (await many.leaders([topicName(topic)], 0)).get(keyOf(topic, 0))
        return now !== undefined && now.leader >= 0 && now.leader !== leads ? true : undefined
      })
      // It answers nobody where its log ends, rather than something that is lower than before.
      const before = copy.log.length
      await waitFor(
        'it to wait',
        { timeoutMs: 60_000 },
        () => copy.log.slice(before).some((line) => line.includes('NOT_AVAILABLE to')) || undefined,
      )
    } finally {
      await dead.start()
    }
    await oracle.produce(three, topic, { count: 50, ...PRODUCED })
    await untilEnd(one, topic, 150)
    const [before, after] = [await oracle.read(three, topic), await oracle.read(single, topic)]
    deepStrictEqual(contentOf(after), contentOf(before))
  })
})
