import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { GroupId } from '../../src/domain/ids.ts'
import { oracle } from '../kafka/index.ts'
import { durableLogStart, forgetLogStarts } from '../kafka/log-starts.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, cutLog, topicName } from '../mirror/_support.ts'
import type { Project, Running } from '../scenarios/_world.ts'
import { beginAt } from './_source.ts'
import {
  compareTopic,
  DAY,
  type FaultWorld,
  FORGETFUL,
  keyOf,
  killHard,
  migrationFile,
  partitionsOf,
  planTo,
  reached,
  startFaultWorld,
  succeeded,
} from './_world.ts'

const STARTS = [150_000, 40_000, 7]
/** Of each topic. */
const RECORDS = 18_000
const FACTORS = [3, 1]
/** The target ends below the mark. */
const LOST = /FERRY1605|FERRY1320/

/** What becomes of the log of a topic on every disk while the brokers are down: so many of its batches are left. */
export interface Loss {
  readonly of: CrashedMigration
  readonly batches: number
}

/** A target of three brokers, and migrations to it that live through the death of all three. */
export class Crashes {
  readonly #world: FaultWorld

  private constructor(world: FaultWorld) {
    this.#world = world
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Crashes> {
    const config = { ...FORGETFUL, ...settings }
    return new Crashes(await startFaultWorld({ target: { brokers: 3, config } }))
  }

  stop(): Promise<void> {
    return this.#world.stop()
  }

  /** Each of two topics, one with three replicas and one with one. */
  async migrations<Name extends string>(
    wanted: Readonly<
      Record<Name, { readonly starts?: readonly number[]; readonly throttle?: string }>
    >,
  ): Promise<Readonly<Record<Name, CrashedMigration>>> {
    const names = Object.keys(wanted) as Name[]
    const all = names.map((name) => {
      const { starts = STARTS, throttle } = wanted[name]
      return new CrashedMigration(this.#world, name, starts, throttle)
    })
    await Promise.all(all.map((each) => each.begin()))
    const timestamp = Date.now() - 3 * DAY
    const partitions = [0, 1, 2]
    await oracle.writeMany(
      this.#world.source,
      all.flatMap(({ topics }) =>
        topics.map((topic) => ({ topic, count: RECORDS, partitions, timestamp })),
      ),
    )
    return Object.fromEntries(names.map((name, i) => [name, all[i]!])) as Record<
      Name,
      CrashedMigration
    >
  }

  /**
   * All brokers of the target die at once and come back, and have forgotten what log starts they had made durable, as if they had died before. Throws
   * where the filler of one of `seen` does not come back with them.
   */
  async crash(seen: readonly CrashedMigration[], losses: readonly Loss[] = []): Promise<void> {
    const { brokers } = this.#world.target
    await Promise.all(brokers.map((broker) => broker.kill('SIGKILL')))
    for (const { dataFolder } of brokers) forgetLogStarts(dataFolder!)
    for (const { of, batches } of losses) {
      for (const { dataFolder } of brokers)
        for (const place of of.places) {
          const folder = join(dataFolder!, place)
          // Elsewhere it has no replica.
          if (existsSync(folder)) cutLog(folder, batches)
        }
    }
    await this.#comeBack(seen)
  }

  /** The same with what they have made durable, and from then on with other settings. */
  async crashAsTheyAre(
    seen: readonly CrashedMigration[],
    settings: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { brokers } = this.#world.target
    await Promise.all(brokers.map((broker) => broker.kill('SIGKILL')))
    for (const broker of brokers) await broker.configure!(settings)
    await this.#comeBack(seen)
  }

  /** Throws where a broker that has a replica of `of` has not made durable that it begins at its mark. */
  durable(of: CrashedMigration): void {
    for (const { id, dataFolder } of this.#world.target.brokers) {
      for (const [place, start] of of.starts) {
        if (existsSync(join(dataFolder!, place)))
          strictEqual(durableLogStart(dataFolder!, place), start, `${place} on broker ${id}`)
      }
    }
  }

  async #comeBack(seen: readonly CrashedMigration[]): Promise<void> {
    await Promise.all(this.#world.target.brokers.map((broker) => broker.start()))
    const topics = seen.flatMap((each) => each.topics)
    for (const [topic, found] of await oracle.offsetsMany(this.#world.target, topics)) {
      const starts = found.map(({ start }) => Number(start))
      deepStrictEqual(starts, [0, 0, 0], `${topic}: log starts are durable: this shows nothing`)
    }
  }
}

/** One migration, and the ferry that carries it. */
export class CrashedMigration {
  readonly topics: readonly string[]
  readonly #world: FaultWorld
  readonly #project: Project
  readonly #name: string
  readonly #starts: readonly number[]
  #running: Running | undefined
  #plan: string | undefined

  constructor(
    world: FaultWorld,
    name: string,
    starts: readonly number[],
    throttle: string | undefined,
  ) {
    this.#world = world
    this.#name = name
    this.#starts = starts
    this.topics = FACTORS.map((factor) => `${name}-${factor}`)
    this.#project = world.project(name)
    // Three brokers that come back take their time.
    const clocks = { FERRY_MIRROR_SESSION_MS: '6000', FERRY_MIRROR_REQUEST_MS: '2000' }
    Object.assign(this.#project.env, clocks)
    const topics = FACTORS.map((replicationFactor, i) => ({
      name: this.topics[i]!,
      replicationFactor,
    }))
    const groups = [`${name}-readers`]
    const file = migrationFile({ topics, groups, ...(throttle !== undefined && { throttle }) })
    this.#project.write('plans/shop.yaml', file)
  }

  /** Makes what there is on the source, but for records. */
  async begin(): Promise<void> {
    const { from } = this.#world
    for (const topic of this.topics) {
      await createTopic(from, topicName(topic), this.#starts.length)
      await beginAt(from, topic, this.#starts)
    }
    const commits = this.topics.flatMap((topic) =>
      this.#starts.map(
        (start, i) => [keyOf(topic, i), { offset: BigInt(start + 1_000), metadata: '' }] as const,
      ),
    )
    const group = `${this.#name}-readers` as GroupId
    strictEqual((await from.commitOffsets(group, new Map(commits))).failed.size, 0)
  }

  /** Where each partition begins, by its folder. */
  get starts(): ReadonlyMap<string, bigint> {
    return new Map(
      this.topics.flatMap((topic) =>
        this.#starts.map((start, i) => [`${topic}-${i}`, BigInt(start)] as const),
      ),
    )
  }

  /** What a verb says, on both streams. */
  async says(verb: string): Promise<string> {
    const { stdout, stderr } = await this.#project.ferry([verb, 'shop'])
    return `${stdout}${stderr}`.replace(/\s+/g, ' ')
  }

  /** The folders of its partitions on a broker's disk. */
  get places(): readonly string[] {
    return this.topics.flatMap((topic) => this.#starts.map((_, i) => `${topic}-${i}`))
  }

  /** Until all filler is written, and deleted. */
  async primed(): Promise<void> {
    await this.#until('be primed', async () => {
      const starts = await this.#offsets('earliest')
      return starts.every((of) => of.every((start, i) => start === this.#starts[i]))
    })
  }

  /** Until so much of the filler of the first topic's largest partition is written, and not all. */
  async primes(part: number): Promise<void> {
    const [most] = this.#starts
    let written = 0
    await this.#until('be primed in part', async () => {
      const [[end]] = (await this.#offsets('latest')) as [[number]]
      written = end
      return written > most! * part
    })
    ok(written < most!, 'all was primed: this shows nothing')
  }

  /** Until some of it is copied, and not all. */
  async copies(): Promise<void> {
    let copied = 0
    await this.#until('copy', async () => {
      const ends = await this.#offsets('latest')
      copied = ends
        .flatMap((of) => of.map((end, i) => Math.max(0, end - this.#starts[i]!)))
        .reduce((a, b) => a + b)
      return copied > 0
    })
    ok(copied < RECORDS * this.topics.length, 'all was copied: this shows nothing')
  }

  /** Until nothing is left to be done but to wait. Throws if it ends instead. */
  async waitsUntilDurable(): Promise<void> {
    this.#running ??= this.#project.start(await this.#planned())
    await this.#running.said('makes them durable every')
  }

  /** Throws if it has ended: nobody would look at what a crash brings back. */
  stillRuns(): void {
    strictEqual(this.#running?.child.exitCode, null, `${this.#name} has ended: this shows nothing`)
  }

  standStill(): void {
    this.#running!.child.kill('SIGSTOP')
  }

  goOn(): void {
    this.#running!.child.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    await killHard(this.#running!)
    this.#running = undefined
  }

  /**
   * At the latest by a second run. A partition of which nothing but filler was there may end at 0 after such a crash (its replicas go back to a
   * watermark that was made durable before): that is said, and the copy is made anew.
   */
  async mirrored(): Promise<void> {
    const plan = await this.#planned()
    const running = this.#running ?? this.#project.start(plan)
    const { code, stdout, stderr } = await running.ended
    this.#running = undefined
    ok([0, 1, 7, 8].includes(code), `${code}: ${stdout}${stderr}`)
    if (code === 0) return
    const again = await this.#project.ferry(plan)
    if (again.code === 0 || !LOST.test(again.stderr)) {
      succeeded(again)
      return
    }
    await this.#makeAnew()
    // A resync goes no further than the migration was.
    succeeded(await this.#project.ferry(await this.#planned()))
  }

  /** Its consumers move, and continue where they were. */
  async moved(): Promise<void> {
    succeeded(await this.#project.ferry(['apply', await planTo(this.#project, 'consumers-moved')]))
    const positions = await oracle.groupOffsets(this.#world.target, `${this.#name}-readers`)
    const read = positions.map((p) => Number(p.offset) - this.#starts[p.partition]!)
    deepStrictEqual(read, Array(positions.length).fill(1_000))
    strictEqual(positions.length, this.topics.length * this.#starts.length)
  }

  /** What any client can read on the target is what the source holds: no filler, committed or not. */
  async compare(): Promise<void> {
    for (const topic of this.topics) {
      for (const isolation of ['read_uncommitted', 'read_committed'] as const) {
        strictEqual(await compareTopic(this.#world, topic, 'identical', isolation), RECORDS)
      }
    }
  }

  /** What was lost below the mark cannot be written again: it says so, does not let consumers move, and makes the copy anew. */
  async isMadeAnew(): Promise<void> {
    const mirror = this.#project.start(['mirror', 'shop'])
    await mirror.said('FERRY1605')
    mirror.child.kill('SIGTERM')
    strictEqual((await mirror.ended).code, 9)
    await this.#makeAnew()
    await this.compare()
  }

  async #makeAnew(): Promise<void> {
    process.stderr.write(`the copy of ${this.#name} is made anew\n`)
    const resync = ['resync', 'shop', '--auto-approve', '--confirm', 'shop']
    succeeded(await this.#project.ferry(resync))
    this.#plan = undefined
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    this.#running ??= this.#project.start(await this.#planned())
    const found = waitFor(
      `${this.#name} to ${what}`,
      { timeoutMs: 60_000, everyMs: 5 },
      async () => (await holds()) || undefined,
    )
    await reached(this.#running, found)
  }

  async #planned(): Promise<readonly string[]> {
    this.#plan ??= await planTo(this.#project, 'mirrored')
    return ['apply', this.#plan]
  }

  /** Per topic and partition; -1 where there is none yet. */
  async #offsets(at: 'earliest' | 'latest'): Promise<number[][]> {
    const all = this.topics.flatMap((topic) => partitionsOf(topic, this.#starts.length))
    const { ok: found } = await this.#world.to.listOffsets(all, at)
    return this.topics.map((topic) =>
      this.#starts.map((_, i) => Number(found.get(keyOf(topic, i)) ?? -1)),
    )
  }
}
