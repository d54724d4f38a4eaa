import { deepStrictEqual, ok } from 'node:assert/strict'
import { createHash, type Hash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { withAdmin } from '../kafka/admin.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { type Ended, type Project, World } from '../scenarios/_world.ts'
import { Ledger } from './_ledger.ts'
import { firstError, Mirroring, shown } from './_mirroring.ts'
import { Readers, type TopicOfService, Writer } from './_service.ts'
import { randomFrom, Strikes } from './_strikes.ts'

const NAME = 'soak'
const TOPICS: readonly TopicOfService[] = [
  { name: 'soak.same', partitions: 3, transactional: false },
  { name: 'soak.dense', partitions: 2, transactional: true },
]
const COMPACTED: TopicOfService = {
  name: 'soak.table',
  partitions: 2,
  transactional: false,
  compacted: true,
}
/** Cleaned all the time, on both sides: the target has it as the source has, but for the time of the copy. */
const OF_COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': '3000',
  'min.cleanable.dirty.ratio': '0.001',
}
const GROUPS = [
  { group: 'soak.billing', members: 2 },
  { group: 'soak.search', members: 1 },
]
/**
 * Where ferry was killed, somebody is still to stop, or a broker was away, it is run again. Anything else is a refusal or a stop of what
 * is right here, and ends the test.
 */
const isRunAgain = (ended: Ended): boolean =>
  ended.code === -1 ||
  ended.code === 7 ||
  (ended.code === 1 && AWAY.test(firstError(ended))) ||
  (ended.code === 4 && TOO_FEW.test(firstError(ended)))
const AWAY = /^error FERRY12/
/** A topic is to be made with three replicas, and a broker is away just then. */
const TOO_FEW = /^error FERRY1317 .* has 2 brokers now/
const isDense = ({ transactional, compacted = false }: TopicOfService): boolean =>
  transactional || compacted
const MOST_ATTEMPTS = 40
export interface SoakOptions {
  /** How long the service lives on each side between the moves, all together. */
  readonly seconds: number
  /** How often each apply is killed before it may end. */
  readonly killsOfApply: number
  /** About how long until the next dies. A broker takes some seconds to come back: others must have time to go on in between. */
  readonly strikeEveryMs: number
  /** How often the mirror and each broker die at the most; once at least. */
  readonly strikesOfEach: number
  /** Groups also go back and forth once before producers move; else the way is shorter. */
  readonly wholeWay: boolean
  /** The mirror copies back all the time what producers write to the target; else only the rollback does. */
  readonly keepSourceWarm: boolean
  /** One of the topics is compacted, and its cleaners are quick. */
  readonly compacted: boolean
  /** Of each cluster. With three every topic has three replicas, of which two must have a record before it is acknowledged. */
  readonly brokers: 1 | 3
  readonly seed: number
  readonly say: (line: string) => void
}

export interface SoakResult {
  readonly kills: Readonly<Record<string, number>>
  readonly counts: Ledger['counts']
  /** Records that were acknowledged, and that a cleaner has taken since. */
  readonly cleaned: number
  readonly wrongs: readonly string[]
}

/**
 * A service that never stops writing and reading but where its move asks for it, while apply, mirror and brokers are killed at random:
 * mirrored, consumers moved, back on the source, moved again, producers moved, back at the beginning by mirroring back what they wrote, all
 * the way once more, late records of somebody who was forgotten salvaged, retired. What the ledger of the service says is then held against the logs, as Kafka's own client and kafkajs read them.
 */
export class Soak {
  readonly #options: SoakOptions
  readonly #random: () => number
  readonly #ledger: Ledger
  readonly #topics: readonly TopicOfService[]
  #world!: World
  #strikes!: Strikes
  #project!: Project
  #writers: Writer[] = []
  #readers: Readers[] = []
  #mirror: Mirroring | undefined

  constructor(options: SoakOptions) {
    this.#options = options
    this.#random = randomFrom(options.seed)
    this.#ledger = new Ledger(options.say)
    this.#topics = options.compacted ? [...TOPICS, COMPACTED] : TOPICS
  }

  async run(): Promise<SoakResult> {
    await this.#begin()
    try {
      return await this.#live()
    } finally {
      await this.#end()
    }
  }

  async #live(): Promise<SoakResult> {
    const { wholeWay } = this.#options
    const source = () => this.#world.source
    const target = () => this.#world.target
    await this.#startWriters(source(), 'source')
    await this.#startReaders(source())
    await pause(1000)
    this.#strikes.begin()
    await this.#apply('mirrored')
    this.#mirror = new Mirroring(this.#project, NAME)
    await this.#lives(wholeWay ? 0.1 : 0.2)

    await this.#stopReaders()
    await this.#apply('consumers-moved')
    await this.#startReaders(target())
    await this.#lives(wholeWay ? 0.15 : 0.2)

    if (wholeWay) {
      await this.#stopReaders()
      await this.#rollback('mirrored')
      await this.#startReaders(source())
      await this.#lives(0.15)

      await this.#stopReaders()
      await this.#apply('consumers-moved')
      await this.#startReaders(target())
      await this.#lives(0.15)
    }

    await this.#stopWriters()
    await this.#apply('producers-moved')
    await this.#compareSealed({ sameOffsets: true })
    await this.#startWriters(target(), 'target')
    await this.#lives(0.2)

    await this.#stopWriters()
    await this.#stopReaders()
    const written = await this.#contents(target(), { sameOffsets: true })
    // To `prepared` would leave topics whose log starts are durable only after a minute: a broker that is killed brings the copy back.
    await this.#rollback('nothing')
    deepStrictEqual(
      await this.#contents(source(), { sameOffsets: true }),
      written,
      'on the way back',
    )
    await this.#startWriters(source(), 'back')
    await this.#startReaders(source())
    await this.#lives(wholeWay ? 0.1 : 0.2)

    // In one apply, through all stages.
    await this.#stopWriters()
    await this.#stopReaders()
    await this.#apply('producers-moved')
    await this.#compareSealed({ sameOffsets: false })
    await this.#startWriters(target(), 'moved')
    await this.#startReaders(target())
    await this.#salvage()
    await this.#lives(wholeWay ? 0.15 : 0.2)

    await this.#strikes.rest()
    await this.#apply('retired')
    await this.#stopWriters()
    return await this.#judge()
  }

  async #begin(): Promise<void> {
    const { brokers } = this.#options
    const replicas = { 'default.replication.factor': '3', 'min.insync.replicas': '2' }
    const config = {
      'log.cleaner.backoff.ms': '1000',
      ...(brokers === 3 && replicas),
    }
    const [source, target] = await Promise.all([
      startKafka({ version: '3.9', brokers, config }),
      startKafka({ version: '4.x', brokers, config }),
    ])
    this.#world = new World(source, target)
    this.#strikes = new Strikes({
      world: this.#world,
      mirror: () => this.#mirror,
      everyMs: this.#options.strikeEveryMs,
      mostOfEach: this.#options.strikesOfEach,
      random: this.#random,
      say: this.#options.say,
    })
    this.#project = this.#world.project('soak')
    await withAdmin(source, (admin) =>
      admin.createTopics({
        topics: this.#topics.map(({ name: topic, partitions: numPartitions, compacted }) => ({
          topic,
          numPartitions,
          replicationFactor: brokers,
          configEntries: Object.entries(compacted ? OF_COMPACTED : {}).map(([name, value]) => ({
            name,
            value,
          })),
        })),
      }),
    )
    // Not demanded: behind what was taken back they cannot be identical a second time.
    const offsets = (topic: TopicOfService) => (isDense(topic) ? 'dense' : 'auto')
    this.#project.write(
      `plans/${NAME}.yaml`,
      `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${NAME} }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
${this.#topics.map((topic) => `    - { name: ${topic.name}, offsets: ${offsets(topic)} }`).join('\n')}
  groups: [${GROUPS.map(({ group }) => `{ id: ${group} }`).join(', ')}]
  gates: { sourceQuiet: 2s, timeout: 40s }
  rollback: { keepSourceWarm: ${this.#options.keepSourceWarm} }
`,
    )
  }

  async #end(): Promise<void> {
    await this.#strikes.end()
    await Promise.allSettled([
      ...this.#readers.map((each) => each.stop(false)),
      ...this.#writers.map((each) => each.stop()),
      this.#mirror?.stop(),
    ])
    await this.#world.stop()
  }

  // ── the service ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #startWriters(cluster: TestCluster, side: string): Promise<void> {
    this.#writers = this.#topics.map(
      (topic) => new Writer(cluster.kafka(), topic, this.#ledger, side),
    )
  }

  async #stopWriters(): Promise<void> {
    await Promise.all(this.#writers.map((each) => each.stop()))
    this.#writers = []
    this.#options.say('writers have stopped')
  }

  async #startReaders(cluster: TestCluster): Promise<void> {
    this.#readers = await Promise.all(
      GROUPS.map(({ group, members }) =>
        Readers.start(cluster.kafka(), {
          group,
          members,
          topics: this.#names(),
          ledger: this.#ledger,
        }),
      ),
    )
  }

  /** One group as a careful service, the other in the middle of its work. */
  async #stopReaders(): Promise<void> {
    await Promise.all(this.#readers.map((each, i) => each.stop(i === 0)))
    this.#readers = []
    this.#options.say('readers have stopped')
  }

  /** For a part of its time. */
  async #lives(part: number): Promise<void> {
    const seconds = this.#options.seconds * part
    const { sent, handlings } = this.#ledger.counts
    await pause(seconds * 1000)
    this.#strikes.check()
    this.#mirror?.check()
    const now = this.#ledger.counts
    this.#options.say(
      `lived ${seconds.toFixed(1)} s: ${now.sent - sent} sent, ${now.handlings - handlings} handled`,
    )
  }

  // ── ferry ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #apply(stage: string): Promise<void> {
    this.#say(stage)
    await this.#untilDone(`apply to ${stage}`, ['apply', NAME, '--auto-approve', '--confirm', NAME])
  }

  /** In the plan file. */
  #say(stage: string): void {
    const file = `plans/${NAME}.yaml`
    this.#project.write(file, this.#project.read(file).replace(/stage: .*/, `stage: ${stage}`))
  }

  /** `nothing` is no stage of a plan file. */
  async #rollback(stage: 'mirrored' | 'nothing'): Promise<void> {
    this.#say(stage === 'nothing' ? 'prepared' : stage)
    await this.#untilDone(`back to ${stage}`, [
      ...['rollback', NAME, '--to', stage, '--auto-approve', '--confirm', NAME],
    ])
  }

  /**
   * Somebody who was forgotten writes to the source behind the last seal: late records are appended between what others write to the target. Not
   * of the compacted topic: a salvage that is killed may not know there what its cleaner has taken, and asks (FERRY1711).
   */
  async #salvage(): Promise<void> {
    const { source } = this.#world
    const topics = this.#topics.filter(({ compacted }) => !compacted)
    const late = topics.map((topic) => new Writer(source.kafka(), topic, this.#ledger, 'late'))
    this.#writers.push(...late)
    await pause(1500)
    await Promise.all(late.map((each) => each.stop()))
    await this.#untilStable(source)
    await this.#untilDone('salvage', ['salvage', NAME, '--confirm', NAME])
  }

  /** Killed at random, and begun again until it ends with 0. */
  async #untilDone(what: string, args: readonly string[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      this.#strikes.check()
      this.#mirror?.check()
      const running = this.#project.start(args)
      if (attempt < this.#options.killsOfApply) {
        const killer = setTimeout(() => running.child.kill('SIGKILL'), 500 + this.#random() * 2500)
        running.ended.finally(() => clearTimeout(killer)).catch(() => {})
      }
      const ended = await running.ended
      if (ended.code === -1) this.#strikes.killed(args[0]!)
      if (ended.code === 0) {
        this.#options.say(`${what}: done at attempt ${attempt + 1}`)
        return
      }
      ok(isRunAgain(ended) && attempt < MOST_ATTEMPTS, `${what}: ${shown(ended)}`)
      if (ended.code !== -1)
        this.#options.say(`${what}: ${ended.code}, again. ${firstError(ended)}`)
      await pause(300)
    }
  }

  // ── judgement ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The copy is what the source holds, record by record, before anybody else writes to it. */
  async #compareSealed(how: { readonly sameOffsets: boolean }): Promise<void> {
    const { source, target } = this.#world
    const [there, here] = await Promise.all([
      this.#contents(target, how),
      this.#contents(source, how),
    ])
    ok(here.length >= this.#topics.reduce((sum, { partitions }) => sum + partitions, 0))
    deepStrictEqual(there, here, 'sealed')
  }

  /**
   * All that consumers see of each partition, once no transaction is open; with the offsets of the topic where they are to be the same. Of a
   * compacted one the last record of each key: the cleaners of both sides are at work.
   */
  async #contents(cluster: TestCluster, { sameOffsets }: { readonly sameOffsets: boolean }) {
    const names = this.#names()
    await this.#untilStable(cluster)
    const found = new Map<string, { count: number; readonly hash: Hash }>()
    const last = new Map<string, string>()
    const all = await this.#steady(() =>
      oracle.readMany(cluster, names, { isolation: 'read_committed' }),
    )
    for (const topic of this.#topics) {
      const { name } = topic
      for (const record of all.get(name) ?? []) {
        const { partition, offset, timestamp, keyHash, valueHash, headersHash } = record
        if (topic.compacted) {
          last.set(`${name}-${partition} ${keyHash}`, `${timestamp} ${valueHash} ${headersHash}`)
          continue
        }
        const key = `${name}-${partition}`
        const one = found.get(key) ?? { count: 0, hash: createHash('sha256') }
        found.set(key, one)
        const place = sameOffsets && !isDense(topic) ? offset : one.count
        one.hash.update(`${place} ${timestamp} ${keyHash} ${valueHash} ${headersHash}\n`)
        one.count++
      }
    }
    return [
      ...[...found].map(
        ([name, { count, hash }]) => `${name}: ${count} records ${hash.digest('hex')}`,
      ),
      ...[...last].map((each) => each.join(': ')).sort(),
    ]
  }

  /** Until no transaction is open. */
  #untilStable(cluster: TestCluster): Promise<true> {
    return this.#steady(async () => {
      const logs = [...(await oracle.offsetsMany(cluster, this.#names())).values()].flat()
      return logs.every(({ end, stable }) => end === stable) ? true : undefined
    })
  }

  /** A broker may be away just now. */
  #steady<T>(ask: () => Promise<T | undefined>): Promise<T> {
    return waitFor('a broker that answers', { timeoutMs: 60_000, everyMs: 500 }, ask)
  }

  async #judge(): Promise<SoakResult> {
    await this.#untilStable(this.#world.target)
    const log = await this.#logOfTarget()
    const cleaned = this.#ledger.cleaned(log)
    const names = GROUPS.map(({ group }) => group)
    const isLate = (id: string) => id.includes('/late/')
    ok([...log.keys()].some(isLate), 'nobody was late')
    await waitFor('every record to be handled', { timeoutMs: 60_000, everyMs: 200 }, () =>
      names.every((group) => this.#ledger.unhandled(group, log).length === 0) ? true : undefined,
    ).catch(() => {})
    for (const args of [
      ['verify', NAME, '--full'],
      ['verify', NAME, '--receipt'],
    ]) {
      const ended = await this.#project.ferry(args)
      ok(ended.code === 0, `${args.join(' ')}: ${shown(ended)}`)
    }
    return {
      kills: this.#strikes.kills,
      counts: this.#ledger.counts,
      cleaned,
      wrongs: this.#ledger.wrongs(names, log),
    }
  }

  #names(): string[] {
    return this.#topics.map(({ name }) => name)
  }

  /** How often each id stands in the target's logs: all that was ever written is there in the end, but for what a cleaner has taken. */
  async #logOfTarget(): Promise<ReadonlyMap<string, number>> {
    const log = new Map<string, number>()
    for (const name of this.#names()) {
      const records = await oracle.readText(this.#world.target, name, {
        isolation: 'read_committed',
      })
      for (const { value } of records) log.set(value ?? '', (log.get(value ?? '') ?? 0) + 1)
    }
    return log
  }
}
