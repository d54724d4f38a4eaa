import { afterAll, beforeAll, describe, it } from 'vitest'
import { randomFrom } from '../_mutate.ts'
import { FAULTS, Storm } from './_storm.ts'

/** So that what went wrong once can be had again, as far as processes allow. */
const seed = Number(process.env.FERRY_TEST_SEED ?? Date.now() % 1_000_000)
const ROUNDS = Number(process.env.FERRY_TEST_ROUNDS ?? 16)

describe(`transactions, compacted and old records, dense and padded (FERRY_TEST_SEED=${seed})`, () => {
  let storm: Storm
  beforeAll(async () => {
    storm = await Storm.start()
  }, 180_000)
  afterAll(() => storm?.stop())

  it(`survive ${ROUNDS} faults: exactly one copy`, { timeout: 1_500_000 }, async () => {
    const pick = randomFrom(seed)
    process.stderr.write(`FERRY_TEST_SEED=${seed}\n`)
    // Each kind at least once, the rest by chance.
    const others = Array.from(
      { length: ROUNDS - FAULTS.length },
      () => FAULTS[pick(FAULTS.length)]!,
    )
    const faults = [...FAULTS, ...others]
    for (let i = faults.length - 1; i > 0; i--) {
      const j = pick(i + 1)
      ;[faults[i], faults[j]] = [faults[j]!, faults[i]!]
    }
    const random = () => pick(1 << 20) / (1 << 20)
    await storm.run({ faults, scale: Math.ceil(ROUNDS / 4), random })
  })
})
