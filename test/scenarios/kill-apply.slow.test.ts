import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STEP_KINDS } from '../../src/steps/index.ts'
import { everywhere, isBetweenWrites, nowhere, projectOn, type StoreName } from './_kill-apply.ts'
import { CHAPTERS, type Chapter, live } from './_life.ts'
import { startWorld, type World } from './_world.ts'

/**
 * The long form of `kill-apply.test.ts`: before and after every single write of the journal and of the decisions, and between the writes of a
 * step to a cluster, in both stores. Several services die side by side, each at its share of the points.
 *
 * In parts, each of some minutes, that may be run one by one: `npm run test:kill -- -t "the kafka store .*on the way there"`.
 */

const SHARES = 4

const PARTS: Readonly<Record<string, readonly Chapter[]>> = {
  'on the way there': ['mirrored', 'on behind a gap'],
  'around the seal': ['sealed, and stopped before the grant', 'producers moved'],
  'on the way back': ['back at the beginning', 'retired'],
}

let world: World
beforeAll(async () => {
  world = await startWorld()
}, 180_000)
afterAll(() => world?.stop())

describe.each<StoreName>(['file', 'kafka'])('the %s store', (store) => {
  test.each(Object.entries(PARTS))(
    'apply killed before and after every write %s ends as an undisturbed one',
    async (part, chapters) => {
      const place = `${Object.keys(PARTS).indexOf(part)}-${store}`
      const lifeOf = (name: string, killing = nowhere) =>
        live(world, projectOn(world, name, store), name, killing)
      const [calm, ...killed] = await Promise.all([
        lifeOf(`calm${place}`),
        ...Array.from({ length: SHARES }, (_, share) => {
          const name = `killed${share}-${place}`
          return lifeOf(name, everywhere(chapters, share, SHARES, name))
        }),
      ])
      const kindsIn = (those: readonly Chapter[]) => [
        ...new Set(those.flatMap((chapter) => calm.applied[chapter]?.kinds ?? [])),
      ]
      // All parts together know every kind.
      expect(kindsIn(Object.values(PARTS).flat()).sort()).toEqual([...STEP_KINDS].sort())

      const deaths = killed.flatMap((life) => life.deaths)
      for (const point of ['before intent', 'after intent', 'before result', 'after result']) {
        const died = deaths.filter((each) => each.point.startsWith(point))
        expect
          .soft([...new Set(died.map(({ kind }) => kind))].sort(), point)
          .toEqual(kindsIn(chapters).sort())
      }
      // How many steps write more than once is counted in the life that nobody disturbs.
      const manyIn = (those: readonly Chapter[]) =>
        those.flatMap((chapter) => calm.applied[chapter]?.manyWrites ?? [])
      expect(manyIn(CHAPTERS).length).toBeGreaterThan(4)
      const second = manyIn(chapters).map((step) =>
        `before write 2 of ${step}`.replaceAll(`calm${place}`, 'NAME'),
      )
      const between = killed.flatMap((life, share) =>
        life.deaths
          .filter(isBetweenWrites)
          .map(({ point }) => point.replaceAll(`killed${share}-${place}`, 'NAME')),
      )
      expect.soft(between).toEqual(expect.arrayContaining(second))

      for (const { remains } of killed) {
        for (const chapter of CHAPTERS) {
          expect.soft(remains[chapter], chapter).toEqual(calm.remains[chapter])
        }
      }
    },
    1_800_000,
  )
})
