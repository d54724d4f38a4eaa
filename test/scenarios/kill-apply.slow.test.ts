import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STEP_KINDS } from '../../src/steps/index.ts'
import { everywhere, nowhere, projectOn, type StoreName } from './_kill-apply.ts'
import { CHAPTERS, live } from './_life.ts'
import { startWorld, type World } from './_world.ts'

/**
 * The long form of `kill-apply.test.ts`: before and after every single write of the journal and of the decisions, in both stores. Several
 * services die side by side, each at its share of the points.
 */

const SHARES = 6

let world: World
beforeAll(async () => {
  world = await startWorld()
}, 180_000)
afterAll(() => world?.stop())

describe.each<StoreName>(['file', 'kafka'])('the %s store', (store) => {
  test('apply killed before and after every write ends as an undisturbed one', async () => {
    const lifeOf = (name: string, killing = nowhere) =>
      live(world, projectOn(world, name, store), name, killing)
    const [calm, ...killed] = await Promise.all([
      lifeOf(`calm-${store}`),
      ...Array.from({ length: SHARES }, (_, share) => {
        const name = `killed${share}-${store}`
        return lifeOf(name, everywhere(share, SHARES, name))
      }),
    ])
    const deaths = killed.flatMap((life) => life.deaths)
    for (const point of ['before intent', 'after intent', 'before result', 'after result']) {
      const died = deaths.filter((each) => each.point.startsWith(point))
      expect
        .soft([...new Set(died.map(({ kind }) => kind))].sort(), point)
        .toEqual([...STEP_KINDS].sort())
    }
    for (const { remains } of killed) {
      for (const chapter of CHAPTERS) {
        expect.soft(remains[chapter], chapter).toEqual(calm.remains[chapter])
      }
    }
  }, 2_400_000)
})
