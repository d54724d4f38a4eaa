import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { partitionKey, type TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { untilCleaned } from '../kafka/cleaner.ts'
import type { TestCluster } from '../kafka/index.ts'
import { oracle, type Writing } from '../kafka/oracle.ts'
import { untilMarked } from '../kafka/transactions.ts'
import { waitFor } from '../kafka/wait.ts'
import { beginMirroring, compareLogs, look, verifyCase } from '../mirror/_cases.ts'
import { MirrorChild } from '../mirror/_child.ts'
import { COMPACTED, caseConfig } from '../mirror/_fills.ts'
import {
  createTopic,
  endsOf,
  FileProgress,
  type Pair,
  startPair,
  topicName,
  withFolder,
} from '../mirror/_support.ts'
import { API, envOf, FaultProxy } from './_proxy.ts'
import { beginAt } from './_source.ts'
import { DAY, FORGETFUL } from './_world.ts'

/** In bytes per second: so that there is something left to copy when the last fault comes. */
const SLOW = { throttle: 120_000 }

/** In offsets: with fewer to copy there might be nothing left before a fault is over. */
const ENOUGH = 1_000

/** What may happen to a copy. `late markers`: a double run, where control markers of the one that is cut off arrive after all. */
export const FAULTS = [
  'kill',
  'restart',
  'leader move',
  'source leader move',
  'double run',
  'late markers',
] as const
export type Fault = (typeof FAULTS)[number]

const HOUR = 3_600_000
const THREE_DAYS_AGO = Date.now() - 3 * DAY
/** Where the padded ones begin, so that they are primed. */
const START = 30_000

/** Data that a broker's own checks do not protect, each in the mode that it is worst for. */
const TOPICS = {
  'transactions-padded': 'identical',
  'transactions-dense': 'dense',
  'compacted-padded': 'identical',
  'compacted-dense': 'dense',
  'untimed-padded': 'identical',
} as const
type Name = keyof typeof TOPICS
const NAMES = Object.keys(TOPICS) as Name[]
/** With a hole every few records. They are the second mirror's: topics go to mirrors by name, and the first keeps what it has. */
const OFTEN_PADDED = ['transactions-padded', 'untimed-padded'] as const

export interface StormOptions {
  readonly faults: readonly Fault[]
  /** How much there is to copy: it must not end before the last fault. */
  readonly scale: number
  /** Answers a number from 0 up to 1. */
  readonly random: () => number
}

/** Ways to the brokers of the target that can be cut: those of the mirror that stays, and of another one beside it. */
interface Ways {
  readonly own: readonly FaultProxy[]
  readonly other: readonly FaultProxy[]
}

/** A source with holes of all kinds, and a target that forgets the producers of old records within a second; two brokers each. */
export class Storm {
  readonly pair: Pair
  readonly #ways: Ways

  private constructor(pair: Pair, ways: Ways) {
    this.pair = pair
    this.#ways = ways
  }

  static async start(): Promise<Storm> {
    const config = { ...FORGETFUL, ...caseConfig('4.x') }
    const pair = await startPair({
      source: { brokers: 2, config: caseConfig('4.x') },
      target: { brokers: 2, config },
    })
    for (const { id } of pair.target.brokers) {
      const configs = await pair.to.describeBrokerConfigs(id)
      for (const [name, value] of Object.entries(FORGETFUL)) {
        strictEqual(configs.get(name)?.value, value, `${name} is not in force`)
      }
    }
    const proxies = () => pair.target.brokers.map(({ port }) => FaultProxy.start(port))
    const [own, other] = [await Promise.all(proxies()), await Promise.all(proxies())]
    return new Storm(pair, { own, other })
  }

  async stop(): Promise<void> {
    await this.pair.stop()
    const { own, other } = this.#ways
    await Promise.all([...own, ...other].map((proxy) => proxy.stop()))
  }

  /** Copies under these faults, and compares every record and every position with what Kafka's own client reads. */
  async run({ faults, scale, random }: StormOptions): Promise<void> {
    await this.#fill(scale)
    const marks: Mark[] = []
    for (const name of NAMES) {
      const topic = topicName(name)
      marks.push(...(await beginMirroring({ pair: this.pair, topic }, TOPICS[name])))
    }
    await withFolder(async (folder) => {
      const copy = new Copy(this.pair, folder, marks, this.#ways)
      try {
        for (const [i, fault] of faults.entries()) {
          await copy.grows(100 + Math.floor(random() * 300))
          // On a slow machine faults take longer than the copy of what there was at first.
          if ((await copy.lag()) < ENOUGH) {
            const [writing] = writingsOf('transactions-padded', 1)
            await oracle.writeMany(this.pair.source, [writing!])
          }
          ok((await copy.lag()) > 0, `all was copied before fault ${i}: it shows nothing`)
          process.stderr.write(`fault ${i + 1} of ${faults.length}: ${fault}\n`)
          await this.#strike(fault, copy, random)
        }
        await copy.finish()
      } finally {
        await copy.end()
      }
      await this.#compare(marks, new FileProgress(`${folder}/progress`))
    })
  }

  async #strike(fault: Fault, copy: Copy, random: () => number): Promise<void> {
    switch (fault) {
      case 'kill':
        return copy.replace('SIGKILL')
      case 'restart':
        return copy.replace('SIGTERM')
      case 'leader move':
        return this.#moveLeaders(this.pair.target, this.pair.to)
      case 'source leader move':
        return this.#moveLeaders(this.pair.source, this.pair.from)
      case 'double run':
        return copy.doubleRun(random)
      case 'late markers':
        return copy.lateMarkers(random)
    }
  }

  /** Every partition to the other broker, with its only replica. */
  async #moveLeaders(cluster: TestCluster, port: Cluster): Promise<void> {
    const topics = NAMES.map(topicName)
    const before = await port.leaders(topics, 0)
    const ids = cluster.brokers.map(({ id }) => id)
    const admin = new kafkajs.Kafka(cluster.kafka()).admin()
    await admin.connect()
    try {
      await admin.alterPartitionReassignments({
        topics: topics.map((topic) => {
          const { leader } = before.get(partitionKey(topic, 0))!
          const replicas = ids.filter((id) => id !== leader)
          return { topic, partitionAssignment: [{ partition: 0, replicas }] }
        }),
      })
    } finally {
      await admin.disconnect()
    }
    await waitFor('the leaders to move', { timeoutMs: 60_000 }, async () => {
      const now = await port.leaders(topics, 0)
      const hasMoved = topics.every((topic) => {
        const key = partitionKey(topic, 0)
        return now.get(key)!.leader >= 0 && now.get(key)!.leader !== before.get(key)!.leader
      })
      return hasMoved || undefined
    })
  }

  async #fill(scale: number): Promise<void> {
    const { from, to } = this.pair
    for (const name of NAMES) {
      await createTopic(from, topicName(name), 1)
      await createTopic(to, topicName(name), 1)
      if (TOPICS[name] === 'identical') await beginAt(from, name, [START])
    }
    const compacted = NAMES.filter((name) => name.startsWith('compacted'))
    // By size: filler has no times by which segments would be rolled.
    const configs = Object.entries({ ...COMPACTED, 'segment.bytes': '1048576' })
    const policies = compacted.map((name) => [topicName(name), new Map(configs)] as const)
    strictEqual((await from.alterTopicConfigs(new Map(policies))).failed.size, 0)
    await oracle.writeMany(
      this.pair.source,
      NAMES.flatMap((name) => writingsOf(name, scale)),
    )
    await writeUntimed(this.pair.source, 60 * scale)
    await untilCleaned(this.pair.source, compacted)
    const { records } = await look(this.pair.source, compacted.map(topicName))
    for (const { length } of records.values()) ok(length < 2_000 * scale, `${length} are left`)
  }

  async #compare(marks: readonly Mark[], store: FileProgress): Promise<void> {
    const topics = NAMES.map(topicName)
    const [source, target] = await Promise.all([
      look(this.pair.source, topics),
      look(this.pair.target, topics),
    ])
    const progress = await store.readProgress()
    let compared = 0
    for (const mark of marks) {
      const known = progress.get(partitionKey(mark.topic, 0))
      strictEqual(known?.diverged ?? null, null, `${mark.topic} diverged`)
      const records = compareLogs({ source, target }, mark, known)
      ok(records > 0)
      compared += records
      const verified = await verifyCase(this.pair, { mark, progress: known, problem: undefined })
      deepStrictEqual(verified, { compared: records, mirrored: records, problems: [] })
    }
    process.stderr.write(`${compared} records and every position compared\n`)
  }
}

/** Transactions of ten records with the timestamp -1, which Java's producer refuses; every fourth is aborted. */
const writeUntimed = async (cluster: TestCluster, transactions: number): Promise<void> => {
  const producer = new kafkajs.Kafka(cluster.kafka()).producer({
    transactionalId: 'untimed',
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  try {
    for (let i = 0; i < transactions; i++) {
      const transaction = await producer.transaction()
      const messages = Array.from({ length: 10 }, (_, j) => ({
        partition: 0,
        timestamp: '-1',
        key: `${i}`,
        value: `untimed ${i} ${j}`.padEnd(1_000, '.'),
      }))
      await transaction.send({ topic: 'untimed-padded', messages })
      await (i % 4 === 3 ? transaction.abort() : transaction.commit())
    }
  } finally {
    await producer.disconnect()
  }
  await untilMarked(cluster, 'untimed')
}

const writingsOf = (name: Name, scale: number): Writing[] => {
  const topic = topicName(name)
  if (name.startsWith('untimed')) return []
  if (name.startsWith('transactions')) {
    return [
      {
        topic,
        count: 3_000 * scale,
        size: 1_000,
        transactionalId: topic,
        commitEvery: 20,
        abortEvery: 4,
        timestamp: THREE_DAYS_AGO,
        timestampStep: 1,
      },
    ]
  }
  const writing = (first: number, hour: number, count: number, keys: number): Writing => ({
    topic,
    count,
    keys,
    size: 1_000,
    firstId: first,
    timestamp: THREE_DAYS_AGO + hour * HOUR,
    timestampStep: 1,
    batchSize: 4_000,
  })
  // The last segment is never cleaned: later times roll it.
  return [
    writing(0, 0, 3_000 * scale, 1_000 * scale),
    writing(500 * scale, 5, 1_000 * scale, 1_000 * scale),
    writing(0, 11, 10, 10),
    writing(0, 17, 10, 10),
  ]
}

/** The mirrors of a run, of which one at least should live. */
class Copy {
  readonly #pair: Pair
  readonly #folder: string
  readonly #marks: readonly Mark[]
  readonly #ways: Ways
  readonly #places: readonly { readonly topic: TopicName; readonly partition: number }[]
  readonly #all: MirrorChild[] = []
  #child: MirrorChild

  constructor(pair: Pair, folder: string, marks: readonly Mark[], ways: Ways) {
    this.#pair = pair
    this.#folder = folder
    this.#marks = marks
    this.#ways = ways
    this.#places = marks.map(({ topic, partition }) => ({ topic, partition }))
    this.#child = this.#start()
  }

  #start(
    options: { readonly throttle?: number } = SLOW,
    way: readonly FaultProxy[] = this.#ways.own,
  ): MirrorChild {
    const env = envOf(way)
    const child = MirrorChild.start(this.#pair, this.#folder, this.#marks, { env, ...options })
    this.#all.push(child)
    return child
  }

  /** Offsets that are missing where they are identical. */
  async lag(): Promise<number> {
    const identical = this.#marks.filter(({ mode }) => mode === 'identical')
    const [source, target] = await Promise.all([
      this.#pair.from.listOffsets(identical, 'stable'),
      this.#pair.to.listOffsets(identical, 'latest'),
    ])
    const sum = (ends: ReadonlyMap<string, bigint>) =>
      [...ends.values()].reduce((all, end) => all + Number(end), 0)
    return sum(source.ok) - sum(target.ok)
  }

  async #sum(topic: Name | undefined): Promise<number> {
    const places = this.#places.filter((place) => topic === undefined || place.topic === topic)
    const ends = await endsOf(this.#pair.to, places)
    return [...ends.values()].reduce((sum, end) => sum + Number(end), 0)
  }

  async grows(by: number, topic?: Name): Promise<void> {
    const before = await this.#sum(topic)
    await waitFor('the copy to grow', { timeoutMs: 60_000, everyMs: 20 }, async () =>
      (await this.#sum(topic)) > before + by ? true : undefined,
    ).catch((error: Error) => {
      const logs = this.#all.map(({ log, reports }) => `${JSON.stringify(reports)}\n${log}`)
      throw new Error(`${error.message}\n${logs.join('\n')}`)
    })
  }

  async replace(signal: NodeJS.Signals): Promise<void> {
    await this.#child.end(signal)
    this.#child = this.#start()
  }

  /** A second one beside the first: one of them is cut off from the target in the middle of its work, and comes back after its session is over. */
  async doubleRun(random: () => number): Promise<void> {
    const second = await this.#second()
    const isFirstCut = random() < 0.5
    await pause(random() * 500)
    await this.#cutOff(isFirstCut ? 'own' : 'other', second, () => this.grows(100))
    await second.end(random() < 0.5 ? 'SIGKILL' : 'SIGTERM')
  }

  /** The same, and control markers that were on their way then arrive when the other has written some in their place. */
  async lateMarkers(random: () => number): Promise<void> {
    const second = await this.#second()
    const held = Promise.race(
      this.#ways.other.flatMap((proxy) =>
        OFTEN_PADDED.map(async (topic) => {
          const what = { key: API.writeTxnMarkers, naming: topic, at: 'request' } as const
          return { topic, request: await proxy.catch(what) }
        }),
      ),
    )
    const waiting = pause(180_000, undefined, { ref: false })
    const late = waiting.then(() => Promise.reject(new Error('no markers were sent')))
    const { topic, request } = await Promise.race([held, late])
    for (const proxy of this.#ways.other) proxy.catchNothing()
    await this.#cutOff('other', second, async () => {
      await this.grows(100, topic)
      await request.deliver()
    })
    await second.end(random() < 0.5 ? 'SIGKILL' : 'SIGTERM')
  }

  async #second(): Promise<MirrorChild> {
    const first = this.#child
    const second = this.#start(SLOW, this.#ways.other)
    const isShared = () => first.mirroring > 0 && second.mirroring > 0
    await second.until('both to mirror', isShared, 60_000)
    return second
  }

  async #cutOff(
    way: keyof Ways,
    second: MirrorChild,
    meanwhile: () => Promise<void>,
  ): Promise<void> {
    const [cut, left] = way === 'own' ? [this.#child, second] : [second, this.#child]
    for (const proxy of this.#ways[way]) proxy.isolate()
    await left.until('one to take over', (c) => c.mirroring === NAMES.length, 60_000)
    await meanwhile()
    // The broker has forgotten by now whose the last records were, where they are old.
    for (const proxy of this.#ways[way]) proxy.heal()
    await cut.until('the other to come back', (c) => c.mirroring > 0, 60_000)
    await this.grows(100)
  }

  /** Lets the rest be copied without a limit. */
  async finish(): Promise<void> {
    await this.#child.end('SIGTERM')
    this.#child = this.#start({})
    const isDone = ({ reports }: MirrorChild) =>
      reports.length === NAMES.length &&
      reports.every(({ state, lag }) => state === 'stopped' || (state === 'mirroring' && lag === 0))
    await this.#child.until('the rest', isDone, 120_000)
    deepStrictEqual(
      this.#all.flatMap(({ problems }) => problems),
      [],
    )
    await this.#child.end('SIGTERM')
  }

  async end(): Promise<void> {
    await Promise.all(this.#all.map((child) => child.end('SIGKILL')))
  }
}
