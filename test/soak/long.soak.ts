import { it } from 'vitest'
import { soak } from './_case.ts'

const SECONDS = Number(process.env.FERRY_SOAK_SECONDS ?? 400)

it(
  'a service is moved, taken back from every stage and moved again while everything is killed, for ten minutes',
  {
    timeout: (SECONDS + 500) * 1000,
  },
  () =>
    soak({
      seconds: SECONDS,
      killsOfApply: 3,
      strikeEveryMs: 14_000,
      strikesOfEach: Number.POSITIVE_INFINITY,
      wholeWay: true,
      keepSourceWarm: true,
    }),
)
