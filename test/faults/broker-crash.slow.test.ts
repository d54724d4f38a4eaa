import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { randomFrom } from '../_mutate.ts'
import { type CrashedMigration, Crashes } from './_crashes.ts'
import { stopwatch } from './_world.ts'

/** So that what went wrong once can be had again, as far as processes allow. */
const seed = Number(process.env.FERRY_TEST_SEED ?? Date.now() % 1_000_000)
const ROUNDS = Number(process.env.FERRY_TEST_ROUNDS ?? 6)
/** To be primed for some seconds. */
const DEEP = [30_000_000, 40_000, 7]

describe(`kill -9 of all target brokers in the first minute of a mirror (FERRY_TEST_SEED=${seed})`, () => {
  let crashes: Crashes
  beforeAll(async () => {
    crashes = await Crashes.start()
  }, 180_000)
  afterAll(() => crashes?.stop())

  it(`${ROUNDS} times, and ferry goes on by itself: no filler can be read`, {
    timeout: 1_200_000,
  }, async () => {
    const pick = randomFrom(seed)
    process.stderr.write(`FERRY_TEST_SEED=${seed}\n`)
    const lap = stopwatch()
    for (let round = 0; round < ROUNDS; round++) {
      const isCopying = round % 2 === 0
      const name = `crash-${round}`
      const wanted = isCopying ? { throttle: '256KiB' } : { starts: DEEP }
      const migration = (await crashes.migrations({ [name]: wanted }))[name]!
      const random = pick(1 << 20) / (1 << 20)
      if (isCopying) {
        await migration.copies()
        await pause(random * 4_000)
      } else await migration.primes(random * 0.7)
      migration.stillRuns()
      await crashes.crash([])
      await migration.mirrored()
      await migration.compare()
      lap(`round ${round + 1} of ${ROUNDS}, ${isCopying ? 'while it copied' : 'while it primed'}`)
    }
  })

  for (const [lost, batches] of [
    ['half', 1],
    ['all', 0],
  ] as const) {
    it(`with ${lost} of the filler lost on every disk: it is written again, or the partition stops there`, {
      timeout: 200_000,
    }, async () => {
      const made = await crashes.migrations({
        [`primes-${lost}`]: { starts: DEEP },
        [`marked-${lost}`]: {},
      })
      const [primes, marked] = Object.values(made) as [CrashedMigration, CrashedMigration]
      await marked.mirrored()
      await primes.primes(0.1)
      await primes.kill()
      await crashes.crash(
        [],
        [primes, marked].map((of) => ({ of, batches })),
      )
      await primes.mirrored()
      await primes.compare()
      await marked.isMadeAnew()
    })
  }
})
