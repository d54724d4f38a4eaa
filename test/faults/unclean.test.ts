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
import { oracle, startKafka, type TestBroker, type TestCluster } from '../kafka/index.ts'
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
    await createTopics(['repaired', 'gone', 'cut', 'rewritten', 'hidden'])
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
    const marked = topics.map((topic) => markTopic(from, to, topicName(topic), { mode: 'dense' }))
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

  let rewritten: Mirroring
  const loseRecords = async (): Promise<void> => {
    const [onto, back] = [
      ['repaired', 'gone'],
      ['cut', 'rewritten'],
    ] as const
    const produce = async (count: number) => {
      for (const topic of onto) await oracle.produce(single, topic, { count, ...PRODUCED })
      for (const topic of back) await oracle.produce(three, topic, { count, ...PRODUCED })
    }
    const copied = async (end: number) => {
      for (const topic of onto) await untilEnd(many, topic, end)
      for (const topic of back) await untilEnd(one, topic, end)
    }
    await produce(SAFE)
    target = await start('target', [one, many], onto)
    cut = await start('cut', [many, one], ['cut'])
    rewritten = await start('rewritten', [many, one], ['rewritten'])
    await copied(SAFE)
    await follower().kill('SIGKILL')
    await produce(LOST)
    await copied(SAFE + LOST)
    // One that runs finds the cut before anything can be written there again.
    await rewritten.mirror.stop()
    await one.deleteRecords(new Map([[keyOf('gone', 0), BigInt(SAFE + 500)]]))
    await leader().kill('SIGKILL')
    await follower().start()
    await waitFor('the follower to lead', { timeoutMs: 60_000 }, async () => {
      const leaders = await many.leaders([...onto, ...back].map(topicName), 0)
      const all = [...leaders.values()]
      return all.every((each) => each.leader === follower().id) ? true : undefined
    })
    await leader().start()
  }

  it('of the target loses acknowledged records: they are copied again', async () => {
    await oracle.produce(single, 'repaired', { count: 100, ...PRODUCED })
    await untilEnd(many, 'repaired', SAFE + LOST + 100)
    const found = target.log.filter((line) => /FERRY1605 repaired/.test(line))
    deepStrictEqual(found, [
      `FERRY1605 repaired:0: the target log ends at ${SAFE}, but had acknowledged everything below ${SAFE + LOST}: the records at target offsets ${SAFE} to ${SAFE + LOST - 1} are lost. They are copied again.`,
    ])
    const [before, after] = await Promise.all([
      oracle.read(single, 'repaired'),
      oracle.read(three, 'repaired'),
    ])
    deepStrictEqual(contentOf(after), contentOf(before))
    strictEqual(reportOf(target, 'repaired').state, 'mirroring')
  })

  it('of the target, where the source does not hold them any more: it stops with the range', async () => {
    const { code, detail } = await stopped(target, 'gone')
    strictEqual(code, 'FERRY1605')
    match(
      detail,
      /gone:0: .* target offsets 3000 to 4999 are lost\. The source does not hold offsets 3000 to 3499 any more/,
    )
    strictEqual(await endOf(many, 'gone'), SAFE)
  })

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
    await untilInSync(topic)
    const reader = new LogReader(many)
    let follows: TestBroker | undefined
    const producer = new kafkajs.Kafka(three.kafka({ retry: { retries: 8 } })).producer()
    await producer.connect()
    try {
      await producer.send({ topic, acks: 1, messages: [{ value: 'seen' }] })
      await untilEnd(many, topic, 1)
      const leads = (await many.leaders([topicName(topic)], 0)).get(keyOf(topic, 0))!.leader
      follows = leads === leader().id ? follower() : leader()
      await follows.kill('SIGSTOP')
      await producer.send({ topic, acks: 1, messages: [{ value: 'hidden' }] })
      strictEqual(await endOf(many, topic), 1)
      strictEqual((await reader.logEnd(keyOf(topic, 0))).end, 2)
      await follows.kill('SIGCONT')
      await untilEnd(many, topic, 2)
      strictEqual((await reader.logEnd(keyOf(topic, 0))).end, 2)
    } finally {
      await follows?.kill('SIGCONT')
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
