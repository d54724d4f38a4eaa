import { it } from 'vitest'
import { soak } from './_case.ts'

/** `npm run test:soak` does more for ten minutes. */
it(
  'a service is moved, taken back by mirroring back and moved again while everything is killed',
  {
    timeout: 900_000,
  },
  () =>
    soak({
      seconds: 8,
      killsOfApply: 1,
      strikeEveryMs: 7_000,
      strikesOfEach: 1,
      wholeWay: false,
      keepSourceWarm: false,
      compacted: false,
      brokers: 1,
    }),
)
