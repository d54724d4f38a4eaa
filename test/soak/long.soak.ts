import { it } from 'vitest'
import { soak } from './_case.ts'

const SECONDS = Number(process.env.FERRY_SOAK_SECONDS ?? 360)

it(
  'a service is moved, taken back and moved again while everything is killed, for ten minutes',
  {
    timeout: (SECONDS + 400) * 1000,
  },
  () => soak({ seconds: SECONDS, killsOfApply: 3 }),
)
