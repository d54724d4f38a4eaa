import { deepStrictEqual, ok } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka } from 'kafkajs'
import { oracle, startKafka, type TestBroker, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { type Ended, type Project, type Running, World } from '../scenarios/_world.ts'
import { Ledger } from './_ledger.ts'
import { Readers, type TopicOfService, Writer } from './_service.ts'

const NAME = 'soak'
const TOPICS: readonly TopicOfService[] = [
  { name: 'soak.same', partitions: 3, transactional: false },
  { name: 'soak.dense', partitions: 2, transactional: true },
]
const GROUPS = [
  { group: 'soak.billing', members: 2 },
  { group: 'soak.search', members: 1 },
]
/** What ferry may end with where it was killed, a broker was away, or somebody is still to stop: run it again. */
const AGAIN = new Set([-1, 1, 4, 7, 8])
const MOST_ATTEMPTS = 40
/** A broker takes some seconds to come back: others must have time to go on in between. */
const STRIKE_EVERY_MS = 14_000

/** What dies at random; apply is killed by whoever runs it. */
export const STRUCK = ['mirror', 'source broker', 'target broker'] as const

export interface SoakOptions {
  /** How long the service lives on each side between the moves, all together. */
  readonly seconds: number
  /** How often each apply is killed before it may end. */
  readonly killsOfApply: number
  readonly seed: number
  readonly say: (line: string) => void
}

export interface SoakResult {
  readonly kills: Readonly<Record<string, number>>
  readonly counts: Ledger['counts']
  readonly wrongs: readonly string[]
}

/**
 * A service that never stops writing and reading but where its move asks for it, while apply, mirror and brokers are killed at random:
 * mirrored, consumers moved, back on the source, moved again, producers moved, retired. What the ledger of the service says is then held
 * against the logs, as Kafka's own client and kafkajs read them.
 */
export class Soak {
  readonly #options: SoakOptions
  readonly #random: () => number
  readonly #ledger = new Ledger()
  readonly #kills: Record<string, number> = {}
  #world!: World
  #project!: Project
  #writers: Writer[] = []
  #readers: Readers[] = []
  #mirror: Mirroring | undefined
  #chaos: Promise<void> | undefined
  #calm = true
  #failure: unknown

  constructor(options: SoakOptions) {
    this.#options = options
    this.#random = randomFrom(options.seed)
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
    const { seconds } = this.#options
    const source = () => this.#world.source
    const target = () => this.#world.target
    await this.#startWriters(source(), 'source')
    await this.#startReaders(source())
    await pause(1000)
    this.#unleash()
    await this.#apply('mirrored')
    this.#mirror = new Mirroring(this.#project)
    await this.#lives(seconds * 0.15)

    await this.#stopReaders()
    await this.#apply('consumers-moved')
    await this.#startReaders(target())
    await this.#lives(seconds * 0.2)

    await this.#stopReaders()
    await this.#rollback('mirrored')
    await this.#startReaders(source())
    await this.#lives(seconds * 0.2)

    await this.#stopReaders()
    await this.#apply('consumers-moved')
    await this.#startReaders(target())
    await this.#lives(seconds * 0.2)

    await this.#stopWriters()
    await this.#apply('producers-moved')
    await this.#compareSealed()
    await this.#startWriters(target(), 'target')
    await this.#lives(seconds * 0.25)

    await waitFor('each of them to be killed once', { timeoutMs: 120_000 }, () =>
      this.#failure !== undefined || STRUCK.every((what) => this.#kills[what] !== undefined)
        ? true
        : undefined,
    )
    await this.#rest()
    await this.#apply('retired')
    await this.#stopWriters()
    return await this.#judge()
  }

  async #begin(): Promise<void> {
    const [source, target] = await Promise.all([
      startKafka({ version: '3.9' }),
      startKafka({ version: '4.x' }),
    ])
    this.#world = new World(source, target)
    this.#project = this.#world.project('soak')
    const admin = new Kafka(source.kafka()).admin()
    await admin.connect()
    await admin.createTopics({
      topics: TOPICS.map(({ name: topic, partitions: numPartitions }) => ({
        topic,
        numPartitions,
        replicationFactor: 1,
      })),
    })
    await admin.disconnect()
    const offsets = ({ transactional }: TopicOfService) => (transactional ? 'dense' : 'identical')
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
${TOPICS.map((topic) => `    - { name: ${topic.name}, offsets: ${offsets(topic)} }`).join('\n')}
  groups: [${GROUPS.map(({ group }) => `{ id: ${group} }`).join(', ')}]
  gates: { sourceQuiet: 2s, timeout: 40s }
`,
    )
  }

  async #end(): Promise<void> {
    this.#calm = true
    await this.#chaos
    await Promise.allSettled([
      ...this.#readers.map((each) => each.stop(false)),
      ...this.#writers.map((each) => each.stop()),
      this.#mirror?.stop(),
    ])
    await this.#world.stop()
  }

  // ── the service ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #startWriters(cluster: TestCluster, side: string): Promise<void> {
    this.#writers = TOPICS.map((topic) => new Writer(cluster.kafka(), topic, this.#ledger, side))
  }

  async #stopWriters(): Promise<void> {
    await Promise.all(this.#writers.map((each) => each.stop()))
    this.#writers = []
  }

  async #startReaders(cluster: TestCluster): Promise<void> {
    this.#readers = await Promise.all(
      GROUPS.map(({ group, members }) =>
        Readers.start(cluster.kafka(), {
          group,
          members,
          topics: TOPICS.map(({ name }) => name),
          ledger: this.#ledger,
        }),
      ),
    )
  }

  /** One group as a careful service, the other in the middle of its work. */
  async #stopReaders(): Promise<void> {
    await Promise.all(this.#readers.map((each, i) => each.stop(i === 0)))
    this.#readers = []
  }

  async #lives(seconds: number): Promise<void> {
    const { sent, handlings } = this.#ledger.counts
    await pause(seconds * 1000)
    if (this.#failure !== undefined) throw this.#failure
    this.#mirror?.check()
    const now = this.#ledger.counts
    this.#options.say(
      `lived ${seconds} s: ${now.sent - sent} sent, ${now.handlings - handlings} handled`,
    )
  }

  // ── what dies ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #killed(what: string): void {
    this.#kills[what] = (this.#kills[what] ?? 0) + 1
    this.#options.say(`killed ${what}`)
  }

  /** From now on the mirror, or a broker, is killed every now and then. */
  #unleash(): void {
    this.#calm = false
    this.#chaos = this.#strike().catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Nothing is killed any more; what was is back. */
  async #rest(): Promise<void> {
    this.#calm = true
    await this.#chaos
    if (this.#failure !== undefined) throw this.#failure
  }

  async #strike(): Promise<void> {
    const brokers = {
      'source broker': this.#world.source.brokers[0] as TestBroker,
      'target broker': this.#world.target.brokers[0] as TestBroker,
    }
    while (!this.#calm) {
      const until = performance.now() + STRIKE_EVERY_MS * (0.5 + this.#random())
      while (!this.#calm && performance.now() < until) await pause(100)
      if (this.#calm) return
      const next = this.#nextToDie()
      if (next === 'mirror') {
        if (await this.#mirror?.kill()) this.#killed('mirror')
        continue
      }
      const broker = brokers[next]
      await broker.kill()
      this.#killed(next)
      await pause(this.#random() * 3000)
      await broker.start()
    }
  }

  /** Now and then the mirror, which is the quickest to come back; else who was spared the most. */
  #nextToDie(): (typeof STRUCK)[number] {
    if (this.#mirror !== undefined && this.#random() < 0.2) return 'mirror'
    const there = STRUCK.filter((what) => what !== 'mirror' || this.#mirror !== undefined)
    return there.toSorted((a, b) => (this.#kills[a] ?? 0) - (this.#kills[b] ?? 0))[0]!
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

  async #rollback(stage: string): Promise<void> {
    this.#say(stage)
    await this.#untilDone(`back to ${stage}`, [
      ...['rollback', NAME, '--to', stage, '--auto-approve', '--confirm', NAME],
    ])
  }

  /** Killed at random, and begun again until it ends with 0. */
  async #untilDone(what: string, args: readonly string[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      if (this.#failure !== undefined) throw this.#failure
      this.#mirror?.check()
      const running = this.#project.start(args)
      if (attempt < this.#options.killsOfApply) {
        const killer = setTimeout(() => running.child.kill('SIGKILL'), 500 + this.#random() * 3500)
        running.ended.finally(() => clearTimeout(killer)).catch(() => {})
      }
      const ended = await running.ended
      if (ended.code === -1) this.#killed('apply')
      if (ended.code === 0) {
        this.#options.say(`${what}: done at attempt ${attempt + 1}`)
        return
      }
      ok(AGAIN.has(ended.code) && attempt < MOST_ATTEMPTS, `${what}: ${shown(ended)}`)
      if (ended.code !== -1)
        this.#options.say(`${what}: ${ended.code}, again. ${firstError(ended)}`)
      await pause(300)
    }
  }

  // ── judgement ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The copy is what the source holds, record by record, before anybody else writes to it. */
  async #compareSealed(): Promise<void> {
    for (const { name, transactional } of TOPICS) {
      const options = { isolation: 'read_committed', offsets: !transactional } as const
      const [here, there] = await Promise.all(
        [this.#world.source, this.#world.target].map((cluster) =>
          this.#steady(() => oracle.digest(cluster, name, options)),
        ),
      )
      const content = (all: NonNullable<typeof here>) =>
        all.map(({ partition, count, sha256 }) => ({ partition, count, sha256 }))
      deepStrictEqual(content(there!), content(here!), `${name} differs at the seal`)
    }
  }

  /** A broker may be away just now. */
  #steady<T>(ask: () => Promise<T>): Promise<T> {
    return waitFor('a broker that answers', { timeoutMs: 60_000, everyMs: 500 }, ask)
  }

  async #judge(): Promise<SoakResult> {
    const log = await this.#logOfTarget()
    const names = GROUPS.map(({ group }) => group)
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
      kills: this.#kills,
      counts: this.#ledger.counts,
      wrongs: this.#ledger.wrongs(names, log),
    }
  }

  /** How often each id stands in the target's logs: all that was ever written is there in the end. */
  async #logOfTarget(): Promise<ReadonlyMap<string, number>> {
    const log = new Map<string, number>()
    for (const { name } of TOPICS) {
      const records = await oracle.readText(this.#world.target, name, {
        isolation: 'read_committed',
      })
      for (const { value } of records) log.set(value ?? '', (log.get(value ?? '') ?? 0) + 1)
    }
    return log
  }
}

/** `ferry mirror`, started again whenever it was killed, as a supervisor does. */
class Mirroring {
  readonly #project: Project
  #running: Running
  #wrong: Ended | undefined
  #isStopping = false

  constructor(project: Project) {
    this.#project = project
    this.#running = this.#start()
  }

  /** Throws if it ended by itself, and not because it could not reach a broker. */
  check(): void {
    if (this.#wrong !== undefined) throw new Error(`the mirror ended: ${shown(this.#wrong)}`)
  }

  /** False: it was not running just now. */
  async kill(): Promise<boolean> {
    if (this.#running.child.exitCode !== null) return false
    this.#running.child.kill('SIGKILL')
    await this.#running.ended
    return true
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#running.child.kill('SIGKILL')
    await this.#running.ended
  }

  #start(): Running {
    const running = this.#project.start(['mirror', NAME], {}, 3_600_000)
    running.ended
      .then(async (ended) => {
        if (this.#isStopping) return
        if (ended.code !== -1 && ended.code !== 1) this.#wrong = ended
        await pause(500)
        if (!this.#isStopping) this.#running = this.#start()
      })
      .catch(() => {})
    return running
  }
}

const shown = ({ code, stdout, stderr }: Ended): string =>
  `ended with ${code}:\n${stdout.slice(-4000)}\n${stderr.slice(-6000)}`

const firstError = ({ stderr }: Ended): string => {
  const lines = stderr.split('\n')
  const at = lines.findIndex((line) => line.startsWith('error FERRY'))
  return at < 0 ? '' : lines.slice(at, at + 2).join(' ')
}

/** Numbers in [0, 1) that are the same for a seed. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
