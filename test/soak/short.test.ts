import { it } from 'vitest'
import { soak } from './_case.ts'

/** `npm run test:soak` does the same for ten minutes. */
it(
  'a service is moved, taken back and moved again while everything is killed',
  {
    timeout: 300_000,
  },
  () => soak({ seconds: 10, killsOfApply: 1 }),
)
