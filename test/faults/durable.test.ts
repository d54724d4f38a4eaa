import { match } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { FORGETS_LOG_STARTS, makesDurableEvery } from '../kafka/log-starts.ts'
import { Crashes } from './_crashes.ts'
import { stopwatch } from './_world.ts'

const EVERY_MS = 5_000

/** Else a log of which nothing but filler is there may end at 0 after the crash, and no filler comes back. */
const KNOWS_WATERMARKS = { 'replica.high.watermark.checkpoint.interval.ms': '100' }

describe('kill -9 of all target brokers while and after a copy is made', () => {
  let crashes: Crashes
  beforeAll(async () => {
    crashes = await Crashes.start({ ...FORGETS_LOG_STARTS, ...KNOWS_WATERMARKS })
  })
  afterAll(() => crashes?.stop())

  it('no filler can be read once it is mirrored, although nobody mirrors any more', {
    timeout: 600_000,
  }, async () => {
    const lap = stopwatch()
    const { primed, copied, left } = await crashes.migrations({
      primed: { throttle: '512KiB' },
      copied: { throttle: '512KiB' },
      left: { throttle: '512KiB' },
    })
    lap('filled')
    await Promise.all([
      primed.primed().then(() => primed.standStill()),
      copied.copies().then(() => copied.standStill()),
      left.primed().then(() => left.kill()),
    ])
    match(await left.says('status'), /FERRY1324 .* below the marks of left-/)
    lap('right after priming, and amid the copy')
    const all = [primed, copied, left]
    await crashes.crashAsTheyAre(all)
    lap('all brokers killed and back')
    for (const each of [primed, copied]) each.goOn()
    // All is copied and hidden again, and no broker writes down where its logs begin: it does not end, however long the machine takes.
    await Promise.all(all.map((each) => each.waitsUntilDurable()))
    for (const each of all) each.standStill()
    lap('copied')
    await crashes.crashAsTheyAre(all, makesDurableEvery(EVERY_MS))
    lap('all brokers killed and back')
    for (const each of all) each.goOn()
    await Promise.all(all.map((each) => each.mirrored()))
    lap('mirrored')
    for (const each of all) crashes.durable(each)
    // Nobody looks from here on: what comes back is there to be read.
    await crashes.crashAsTheyAre([])
    lap('all brokers killed and back')
    for (const each of all) await each.compare()
    lap('compared')
  })
})
