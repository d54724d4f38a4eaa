import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate, projectOn, remainsOf, type StoreName } from './_kill-apply.ts'
import { startWorld, type World } from './_world.ts'

/** The long form of `kill-apply.test.ts`: before and after every single write of the journal and of the decisions, in both stores. */

let world: World
beforeAll(async () => {
  world = await startWorld()
}, 180_000)
afterAll(() => world?.stop())

describe.each<StoreName>(['file', 'kafka'])('the %s store', (store) => {
  test('apply killed before and after every write ends as an undisturbed one', async () => {
    const project = projectOn(world, `all-${store}`, store)
    await migrate(world, project, `calm-${store}`)
    const died = await migrate(world, project, `killed-${store}`, '')
    for (const point of ['before intent', 'after intent', 'before result', 'after result']) {
      const steps = died.filter((each) => each.startsWith(point))
      expect(steps.length, point).toBeGreaterThanOrEqual(10)
    }
    const calm = await remainsOf(world, project, `calm-${store}`)
    expect(calm).toMatchObject({ state: { stage: 'retired', marks: 2, openIntent: null } })
    expect(await remainsOf(world, project, `killed-${store}`)).toEqual(calm)
  }, 1_200_000)
})
