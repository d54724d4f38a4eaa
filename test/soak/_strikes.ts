import { setTimeout as pause } from 'node:timers/promises'
import type { TestBroker } from '../kafka/index.ts'
import type { World } from '../scenarios/_world.ts'
import type { Mirroring } from './_mirroring.ts'

/** What dies at random; apply is killed by whoever runs it. */
export const STRUCK = ['mirror', 'source broker', 'target broker'] as const

interface StrikesOptions {
  readonly world: World
  /** Undefined while nobody runs it. */
  readonly mirror: () => Mirroring | undefined
  /** About how long until the next dies. A broker takes some seconds to come back: others must have time to go on in between. */
  readonly everyMs: number
  /** Who died so often is spared. */
  readonly mostOfEach: number
  /** In [0, 1). */
  readonly random: () => number
  readonly say: (line: string) => void
}

/** Kills the mirror or a broker every now and then, and starts the broker again. */
export class Strikes {
  /** How often each died. */
  readonly kills: Record<string, number> = {}
  readonly #options: StrikesOptions
  #calm = true
  #striking: Promise<void> | undefined
  #failure: unknown

  constructor(options: StrikesOptions) {
    this.#options = options
  }

  /** Throws if a broker did not come back. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  killed(what: string): void {
    this.kills[what] = (this.kills[what] ?? 0) + 1
    this.#options.say(`killed ${what}`)
  }

  begin(): void {
    this.#calm = false
    this.#striking = this.#strike().catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Nothing is killed any more; what was is back. */
  async end(): Promise<void> {
    this.#calm = true
    await this.#striking
  }

  /** Whoever was spared all the time dies now. */
  async rest(): Promise<void> {
    await this.end()
    this.check()
    for (const what of STRUCK) {
      for (; this.kills[what] === undefined; await pause(300)) await this.#kill(what)
    }
  }

  async #strike(): Promise<void> {
    while (!this.#calm) {
      const until = performance.now() + this.#options.everyMs * (0.5 + this.#options.random())
      while (!this.#calm && performance.now() < until) await pause(100)
      const next = this.#next()
      if (!this.#calm && next !== undefined) await this.#kill(next)
    }
  }

  async #kill(what: (typeof STRUCK)[number]): Promise<void> {
    const { world, mirror, random } = this.#options
    if (what === 'mirror') {
      if (await mirror()?.kill()) this.killed(what)
      return
    }
    const { brokers } = world[what === 'source broker' ? 'source' : 'target']
    const broker = brokers[Math.floor(random() * brokers.length)] as TestBroker
    await broker.kill()
    this.killed(what)
    await pause(random() * 3000)
    await broker.start()
  }

  /** Now and then the mirror, which is the quickest to come back; else who was spared the most. */
  #next(): (typeof STRUCK)[number] | undefined {
    const { mirror, mostOfEach, random } = this.#options
    const times = (what: string): number => this.kills[what] ?? 0
    const there = STRUCK.filter(
      (what) => times(what) < mostOfEach && (what !== 'mirror' || mirror() !== undefined),
    )
    if (there.includes('mirror') && random() < 0.2) return 'mirror'
    return there.toSorted((one, other) => times(one) - times(other))[0]
  }
}

/** Numbers in [0, 1) that are the same for a seed. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
