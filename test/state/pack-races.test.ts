import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { type PartitionProgress, SpokenFor } from '../../src/domain/partition-progress.ts'
import { FileProgress } from '../../src/state/file-progress.ts'
import { randomFrom } from '../_mutate.ts'
import { sampleProgress } from './samples.ts'

/** Undefined: nothing waits. */
const chance = vi.hoisted((): { pick?: ((below: number) => number) | undefined } => ({}))
/** What others do in the middle of the next listings, of which nothing is found then but what was there all the time. */
const amid = vi.hoisted((): { listing: (() => Promise<void>)[] } => ({ listing: [] }))

class Killed extends Error {
  readonly isMade: boolean
  constructor(isMade: boolean) {
    super('killed')
    this.isMade = isMade
  }
}

/**
 * Everything that is done to the folder takes its time, now and then so long that others do a lot meanwhile. A listing is not of one moment,
 * as POSIX has it: what comes or goes between its two halves is in it or is not, each name for itself. A writer may be killed before it makes a file, and after.
 */
vi.mock('../../src/state/durable-files.ts', async (original) => {
  const actual = await original<typeof import('../../src/state/durable-files.ts')>()
  const pause = async () => {
    const { pick } = chance
    if (!pick) return
    for (let turns = pick(pick(12) === 0 ? 60 : 4); turns > 0; turns--) await turn()
  }
  const mayBeKilled = (isMade: boolean) => {
    if (chance.pick?.(60) === 0) throw new Killed(isMade)
  }
  return {
    ...actual,
    namesIn: async (folder: string) => {
      await pause()
      const before = await actual.namesIn(folder)
      const others = amid.listing
      if (others.length > 0) {
        const [first, ...later] = others
        amid.listing = []
        await first?.()
        amid.listing = later
        const there = await actual.namesIn(folder)
        return before.filter((name) => there.includes(name))
      }
      const after = await actual.namesIn(folder)
      const isOfBefore = new Map<string, boolean>()
      for (const name of [...before, ...after]) {
        if (!isOfBefore.has(name)) isOfBefore.set(name, chance.pick?.(2) === 0)
      }
      return [
        ...before.filter((name) => isOfBefore.get(name)),
        ...after.filter((name) => !isOfBefore.get(name)),
      ].sort()
    },
    readIfThere: async (file: string) => {
      await pause()
      return actual.readIfThere(file)
    },
    claimFile: async (file: string, content: string) => {
      await pause()
      mayBeKilled(false)
      const isMade = await actual.claimFile(file, content)
      if (isMade) mayBeKilled(true)
      return isMade
    },
    replaceFile: async (file: string, content: string) => {
      await pause()
      await actual.replaceFile(file, content)
    },
    removeFile: async (file: string) => {
      await pause()
      await actual.removeFile(file)
    },
    // Nothing here is about power cuts.
    syncFolder: async () => {},
  }
})

/** What was told to be written: of a generation of a partition the first who did it, and the last that it said. */
interface Told {
  readonly generation: number
  readonly pid: number
  readonly said: number
}

const generationOf = ({ holder }: PartitionProgress): number => holder.generation

const PARTITIONS = [0, 1, 2, 3]

class Story {
  readonly #folder: string
  readonly #pick: (below: number) => number
  readonly #told = new Map<number, Told[]>(PARTITIONS.map((each) => [each, []]))
  readonly #asked = new Set<PartitionProgress>()
  /** Of killed ones, and of those that may have come too late: it may stand. */
  readonly #untold = new Set<string>()
  #lastPid = 0
  #said = 0
  #isOver = false

  constructor(folder: string, seed: number) {
    this.#folder = folder
    this.#pick = randomFrom(seed)
    chance.pick = randomFrom(seed + 1_000_000)
  }

  async run(): Promise<void> {
    const reading = this.#readOnAndOn()
    try {
      const ended = await Promise.allSettled([1, 2, 3].map(() => this.#speak()))
      for (const each of ended) if (each.status === 'rejected') throw each.reason
    } finally {
      this.#isOver = true
      await reading
    }
    await this.#read()
  }

  /** One process after the other, as each may be killed. */
  async #speak(): Promise<void> {
    let store = new FileProgress(this.#folder)
    let pid = ++this.#lastPid
    let own = new Map<number, number>()
    for (let round = 0; round < 12; round++) {
      const asked = PARTITIONS.filter(() => this.#pick(2) === 0)
      const words = asked.map((partition) => {
        const last = this.#lastOf(partition)?.generation ?? 0
        const generation = own.get(partition) ?? last + this.#pick(2)
        // Whoever is passed over takes a higher one some time.
        return this.#word(partition, pid, last > generation ? last + 1 : generation)
      })
      for (const each of words) this.#asked.add(each)
      try {
        await store.write(words)
        for (const each of words) this.#tell(each, own)
      } catch (error) {
        if (error instanceof SpokenFor) {
          for (const each of words) {
            if (!error.isOf(each)) this.#tell(each, own)
            else own.delete(each.partition)
          }
        } else if (error instanceof Killed) {
          for (const { partition, holder } of error.isMade ? words : []) {
            this.#untold.add(`${partition}/${holder.generation}/${holder.pid}`)
          }
          store = new FileProgress(this.#folder)
          pid = ++this.#lastPid
          own = new Map()
        } else throw error
      } finally {
        for (const each of words) this.#asked.delete(each)
      }
    }
  }

  #word(partition: number, pid: number, generation: number): PartitionProgress {
    return sampleProgress('a', partition, {
      checkedTo: BigInt(++this.#said) as never,
      holder: { host: 'laptop', pid, generation },
    })
  }

  /** It was written, or a later one has begun, and it leaves nothing. */
  #tell(word: PartitionProgress, own: Map<number, number>): void {
    const { partition, checkedTo, holder } = word
    const { pid, generation } = holder
    const told = this.#told.get(partition)!
    const known = told.find((each) => each.generation === generation)
    const highest = Math.max(
      this.#lastOf(partition)?.generation ?? -1,
      this.#untoldOf(partition),
      ...[...this.#asked].filter((each) => each.partition === partition).map(generationOf),
    )
    if (known?.pid !== pid && highest > generation) {
      this.#untold.add(`${partition}/${generation}/${pid}`)
      return
    }
    expect(known?.pid ?? pid, `who has ${partition} under ${generation}`).toBe(pid)
    own.set(partition, generation)
    if (known) told.splice(told.indexOf(known), 1)
    told.push({ generation, pid, said: Number(checkedTo) })
  }

  /** The highest generation. */
  #untoldOf(partition: number): number {
    const all = [...this.#untold].map((each) => each.split('/').map(Number))
    return Math.max(
      -1,
      ...all.filter(([of]) => of === partition).map(([, generation]) => generation!),
    )
  }

  #lastOf(partition: number): Told | undefined {
    return this.#told.get(partition)?.toSorted((a, b) => b.generation - a.generation)[0]
  }

  async #readOnAndOn(): Promise<void> {
    while (!this.#isOver) await this.#read()
  }

  /** Whatever was told before it began is found, or something later. */
  async #read(): Promise<void> {
    const isOver = this.#isOver
    const before = new Map(PARTITIONS.map((each) => [each, this.#lastOf(each)]))
    const found = new Map(
      (await new FileProgress(this.#folder).read()).map(({ value }) => [value.partition, value]),
    )
    for (const [partition, told] of before) {
      if (told === undefined) continue
      const { holder, checkedTo } = found.get(partition) ?? {}
      const at = `partition ${partition}, told ${JSON.stringify(told)}`
      expect(holder?.generation, at).toBeGreaterThanOrEqual(told.generation)
      if (holder?.generation !== told.generation) continue
      expect(holder.pid, at).toBe(told.pid)
      expect(Number(checkedTo), at).toBeGreaterThanOrEqual(told.said)
    }
    if (!isOver) return
    for (const [partition, { holder, checkedTo }] of found) {
      const told = this.#lastOf(partition)
      const isUntold = this.#untold.has(`${partition}/${holder.generation}/${holder.pid}`)
      if (!isUntold)
        expect([partition, holder.generation, holder.pid, Number(checkedTo)]).toEqual([
          partition,
          told?.generation,
          told?.pid,
          told?.said,
        ])
    }
  }
}

test.each(Array.from({ length: 60 }, (_, i) => i + 1))(
  'of three that speak for the same partitions, are killed and followed, each generation of a partition has one, and a reader finds the latest of what was told at every moment (%i)',
  async (seed) => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-packs-'))
    try {
      await new Story(folder, seed).run()
      chance.pick = undefined
      // Once each goes on, or is followed, nothing is left but what counts.
      const next = new FileProgress(folder)
      for (let time = 0; time < 2; time++) {
        await next.write(
          PARTITIONS.map((each) =>
            sampleProgress('a', each, { holder: { host: 'laptop', pid: 99, generation: 99 } }),
          ),
        )
      }
      expect((await readdir(folder)).filter((name) => name.startsWith('pack'))).toHaveLength(1)
    } finally {
      chance.pick = undefined
      await rm(folder, { recursive: true })
    }
  },
)

const withFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-packs-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
const word = (generation: number, checkedTo = 1, partition = 0) =>
  sampleProgress('a', partition, {
    checkedTo: BigInt(checkedTo) as never,
    holder: { host: 'laptop', pid: 1, generation },
  })
const checked = async (folder: string) =>
  (await new FileProgress(folder).read()).map(({ value }) => Number(value.checkedTo))

test('who lists while a pack comes, and lists again while the next one comes, finds what was there before', () =>
  withFolder(async (folder) => {
    const store = new FileProgress(folder)
    await store.write([word(1)])
    amid.listing = [() => store.write([word(2, 2)]), () => store.write([word(3, 3)])]
    expect(await checked(folder)).toEqual([3])
  }))

test('who lists while a pack comes and the one before goes looks again', () =>
  withFolder(async (folder) => {
    const store = new FileProgress(folder)
    await store.write([word(1)])
    amid.listing = [
      async () => {
        await store.write([word(2, 2)])
        await store.write([word(2, 3)])
      },
    ]
    expect(await checked(folder)).toEqual([3])
  }))

test('what one process says in another pack stands until it says something in the first, of this partition', () =>
  withFolder(async (folder) => {
    const [first, second] = [new FileProgress(folder), new FileProgress(folder)]
    await first.write([word(1, 1)])
    await second.write([word(1, 2)])
    await first.write([word(1, 7, 1)])
    expect(await checked(folder)).toEqual([2, 7])
    await first.write([word(1, 3)])
    await second.write([word(1, 4)])
    expect(await checked(folder)).toEqual([4, 7])
    await first.write([word(1, 5)])
    expect(await checked(folder)).toEqual([5, 7])
  }))
