import { afterAll, beforeAll, describe, it } from 'vitest'
import { randomFrom } from '../_mutate.ts'
import { type CrashedMigration, Crashes } from './_crashes.ts'

/** So that what went wrong once can be had again, as far as processes allow. */
const seed = Number(process.env.FERRY_TEST_SEED ?? Date.now() % 1_000_000)
const ROUNDS = Number(process.env.FERRY_TEST_ROUNDS ?? 5)
/** To be primed for some seconds. */
const DEEP = [30_000_000, 40_000, 7]

describe(`kill -9 of all target brokers in the first minute of a mirror (FERRY_TEST_SEED=${seed})`, () => {
  let crashes: Crashes
  beforeAll(async () => {
    crashes = await Crashes.start()
  }, 180_000)
  afterAll(() => crashes?.stop())

  it(`${ROUNDS} times, and ferry goes on by itself: no filler can be read`, {
    timeout: 560_000,
  }, async () => {
    const pick = randomFrom(seed)
    process.stderr.write(`FERRY_TEST_SEED=${seed}\n`)
    for (let round = 0; round < ROUNDS; round++) {
      const made = await crashes.migrations({
        [`copies-${round}`]: { throttle: '512KiB' },
        [`primes-${round}`]: { starts: DEEP },
      })
      const [copies, primes] = Object.values(made) as [CrashedMigration, CrashedMigration]
      await copies.copies()
      await primes.primes(pick(1 << 20) / (1 << 20))
      await crashes.crash([])
      await Promise.all([copies.mirrored(), primes.mirrored()])
      for (const each of [copies, primes]) await each.compare()
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
