import { afterAll, beforeAll, describe, it } from 'vitest'
import { Crashes } from './_crashes.ts'
import { stopwatch } from './_world.ts'

describe('kill -9 of all target brokers at once brings filler back', () => {
  let crashes: Crashes
  beforeAll(async () => {
    crashes = await Crashes.start()
  })
  afterAll(() => crashes?.stop())

  it('right after priming, in the middle of the copy and after it: once it is mirrored none can be read, and all records are there', {
    timeout: 600_000,
  }, async () => {
    const lap = stopwatch()
    // All three live through one crash, since brokers take long to come back.
    const { killed, alive, later } = await crashes.migrations({
      killed: { throttle: '512KiB' },
      alive: { throttle: '512KiB' },
      later: {},
    })
    lap('filled')
    await Promise.all([
      killed.primed().then(() => killed.kill()),
      // It would delete the filler before anybody has seen it.
      alive.copies().then(() => alive.standStill()),
      later.mirrored(),
    ])
    lap('primed, amid the copy, and mirrored')
    await crashes.crash([killed, alive, later])
    lap('all brokers killed and back')
    alive.goOn()
    await Promise.all([killed.mirrored(), alive.mirrored(), later.moved()])
    lap('mirrored')
    await Promise.all([killed, alive, later].map((each) => each.compare()))
    lap('compared')
  })
})
