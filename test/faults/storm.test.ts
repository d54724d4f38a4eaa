import { afterAll, beforeAll, describe, it } from 'vitest'
import { randomFrom } from '../_mutate.ts'
import { Storm } from './_storm.ts'

describe('transactions, compacted and old records, dense and padded', () => {
  let storm: Storm
  beforeAll(async () => {
    storm = await Storm.start()
  })
  afterAll(() => storm?.stop())

  it('survive a kill, a restart, leaders that move, and two mirrors of which one is cut off with markers on their way: exactly one copy', {
    timeout: 600_000,
  }, async () => {
    const pick = randomFrom(1)
    const random = () => pick(1 << 20) / (1 << 20)
    const faults = ['kill', 'restart', 'leader move', 'source leader move', 'late markers'] as const
    await storm.run({ faults, scale: 1, random })
  })
})
