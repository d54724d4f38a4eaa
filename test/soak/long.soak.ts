import { it } from 'vitest'
import { soak } from './_case.ts'

const SECONDS = Number(process.env.FERRY_SOAK_SECONDS ?? 400)
const BROKERS = process.env.FERRY_SOAK_BROKERS === '1' ? 1 : 3

it(
  'a service is moved, taken back from every stage and moved again while everything is killed, for ten minutes',
  {
    timeout: (SECONDS + 1500) * 1000,
  },
  () =>
    soak({
      seconds: SECONDS,
      killsOfApply: SECONDS < 120 ? 1 : 3,
      strikeEveryMs: 14_000,
      strikesOfEach: Number.POSITIVE_INFINITY,
      wholeWay: true,
      keepSourceWarm: true,
      compacted: true,
      brokers: BROKERS,
    }),
)
