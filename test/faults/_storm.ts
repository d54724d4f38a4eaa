import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { partitionKey, type TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { oracle, type Writing } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import {
  beginMirroring,
  COMPACTED,
  caseConfig,
  compareLogs,
  look,
  verifyCase,
  writeRaw,
} from '../mirror/_cases.ts'
import { MirrorChild } from '../mirror/_child.ts'
import {
  createTopic,
  endsOf,
  FileProgress,
  type Pair,
  startPair,
  topicName,
  withFolder,
} from '../mirror/_support.ts'
import { envOf, FaultProxy } from './_proxy.ts'
import { beginAt } from './_source.ts'
import { DAY, FORGETFUL } from './_world.ts'

/** In bytes per second: so that there is something left to copy when the last fault comes. */
const SLOW = { throttle: 120_000 }

/** What may happen to a copy. */
export type Fault = 'kill' | 'restart' | 'leader move' | 'double run'

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

export interface StormOptions {
  readonly faults: readonly Fault[]
  /** How much there is to copy: it must not end before the last fault. */
  readonly scale: number
  /** Answers a number from 0 up to 1. */
  readonly random: () => number
}

/** A source with holes of all kinds, and a target of two brokers that forgets the producers of old records within a second. */
export class Storm {
  readonly pair: Pair
  readonly #proxies: readonly FaultProxy[]

  private constructor(pair: Pair, proxies: readonly FaultProxy[]) {
    this.pair = pair
    this.#proxies = proxies
  }

  static async start(): Promise<Storm> {
    const config = { ...FORGETFUL, ...caseConfig('4.x') }
    const pair = await startPair({
      source: { config: caseConfig('4.x') },
      target: { brokers: 2, config },
    })
    const proxies = pair.target.brokers.map(({ port }) => FaultProxy.start(port))
    return new Storm(pair, await Promise.all(proxies))
  }

  async stop(): Promise<void> {
    await this.pair.stop()
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()))
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
      const copy = new Copy(this.pair, folder, marks, this.#proxies)
      try {
        for (const [i, fault] of faults.entries()) {
          await copy.grows(100 + Math.floor(random() * 300))
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
        return this.#moveLeaders()
      case 'double run':
        return copy.doubleRun(random)
    }
  }

  /** Every partition to the other broker, with its only replica. */
  async #moveLeaders(): Promise<void> {
    const topics = NAMES.map(topicName)
    const before = await this.pair.to.leaders(topics, 0)
    const ids = this.pair.target.brokers.map(({ id }) => id)
    const admin = new kafkajs.Kafka(this.pair.target.kafka()).admin()
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
      const now = await this.pair.to.leaders(topics, 0)
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
    const untimed = Array.from({ length: 60 * scale }, (_, i) =>
      Array.from({ length: 10 }, (_, j) => ({
        timestamp: -1,
        key: Buffer.from(`${i}`),
        value: Buffer.from(`untimed ${i} ${j}`.padEnd(1_000, '.')),
      })),
    )
    await writeRaw({ pair: this.pair, topic: topicName('untimed-padded') }, untimed)
    let last: string | undefined
    await waitFor('the cleaner', { timeoutMs: 120_000, everyMs: 1_000 }, async () => {
      const { records } = await look(this.pair.source, compacted.map(topicName))
      const counts = [...records.values()].map(({ length }) => length)
      const isDone = counts.every((n) => n < 2_000 * scale) && String(counts) === last
      last = String(counts)
      return isDone || undefined
    })
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
  readonly #proxies: readonly FaultProxy[]
  readonly #places: readonly { readonly topic: TopicName; readonly partition: number }[]
  readonly #all: MirrorChild[] = []
  #child: MirrorChild

  constructor(pair: Pair, folder: string, marks: readonly Mark[], proxies: readonly FaultProxy[]) {
    this.#pair = pair
    this.#folder = folder
    this.#marks = marks
    this.#proxies = proxies
    this.#places = marks.map(({ topic, partition }) => ({ topic, partition }))
    this.#child = this.#start()
  }

  /** Those that may be cut off go through the proxies. */
  #start(options: { readonly throttle?: number } = SLOW): MirrorChild {
    const env = envOf(this.#proxies)
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

  async #sum(): Promise<number> {
    const ends = await endsOf(this.#pair.to, this.#places)
    return [...ends.values()].reduce((sum, end) => sum + Number(end), 0)
  }

  async grows(by: number): Promise<void> {
    const before = await this.#sum()
    await waitFor('the copy to grow', { timeoutMs: 60_000, everyMs: 20 }, async () =>
      (await this.#sum()) > before + by ? true : undefined,
    ).catch((error: Error) => {
      const logs = this.#all.map(({ log, reports }) => `${JSON.stringify(reports)}\n${log}`)
      throw new Error(`${error.message}\n${logs.join('\n')}`)
    })
  }

  async replace(signal: NodeJS.Signals): Promise<void> {
    await this.#child.end(signal)
    this.#child = this.#start()
  }

  /** A second one beside the first, which is cut off from the target in the middle of its work and comes back after its session is over. */
  async doubleRun(random: () => number): Promise<void> {
    const first = this.#child
    const second = MirrorChild.start(this.#pair, this.#folder, this.#marks, SLOW)
    this.#all.push(second)
    const isShared = () => first.mirroring > 0 && second.mirroring > 0
    await second.until('both to mirror', isShared, 60_000)
    await pause(random() * 500)
    for (const proxy of this.#proxies) proxy.isolate()
    await second.until('the second to take over', (c) => c.mirroring === NAMES.length, 60_000)
    await this.grows(100)
    // The broker has forgotten by now whose the last records were, where they are old.
    for (const proxy of this.#proxies) proxy.heal()
    await first.until('the first to come back', (c) => c.mirroring > 0, 60_000)
    await this.grows(100)
    await second.end(random() < 0.5 ? 'SIGKILL' : 'SIGTERM')
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
