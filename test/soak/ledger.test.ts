import { describe, expect, it } from 'vitest'
import { Ledger } from './_ledger.ts'

/** What the ledger must not let pass: it is what the soak rests on. */

const log = (...ids: readonly string[]): ReadonlyMap<string, number> => {
  const times = new Map<string, number>()
  for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1)
  return times
}

/** Three records, of which the last was aborted; the group has handled and committed the others. */
const wellDone = (): Ledger => {
  const ledger = new Ledger()
  ledger.sent(['a', 'b', 'c'])
  ledger.acknowledged(['a', 'b'])
  ledger.aborted(['c'])
  ledger.committed([ledger.handled('api', 'a'), ledger.handled('api', 'b')])
  return ledger
}

it('finds nothing where everything is there once', () => {
  expect(wellDone().wrongs(['api'], log('a', 'b'))).toEqual([])
})

it.each([
  ['a record that is lost', log('a'), ['b is lost', 'api handled b, which is not in the log']],
  ['one that stands there twice', log('a', 'b', 'b'), ['b stands 2 times in the log']],
  [
    'one that was aborted',
    log('a', 'b', 'c'),
    ['c was aborted, and is there', 'api never handled c'],
  ],
  [
    'one of somebody else',
    log('a', 'b', 'x'),
    ['x is in the log, and nobody sent it', 'api never handled x'],
  ],
] as const)('finds %s', (_, there, wrongs) => {
  expect(wellDone().wrongs(['api'], there)).toEqual(wrongs)
})

it('lets a cleaner take all but the last record of a key, in their order', () => {
  const ledger = wellDone()
  for (const id of ['a', 'b']) ledger.keyed(id, 'key')
  expect(ledger.wrongs(['api'], log('b'))).toEqual([])
  expect(ledger.wrongs(['api'], log('a', 'b'))).toEqual([])
  expect(ledger.wrongs(['api'], log('a'))).toEqual([
    'b is lost',
    'api handled b, which is not in the log',
  ])
  expect(ledger.wrongs(['api'], log('b', 'a'))).toEqual([
    'a stands behind b, which is later of key',
  ])
  expect(ledger.wrongs(['late'], log('b'))).toEqual(['late never handled b'])
})

it('finds what a group handled again after its commit, and lets pass what it had not committed', () => {
  const ledger = wellDone()
  ledger.handled('api', 'a')
  expect(ledger.wrongs(['api'], log('a', 'b'))).toEqual(['api handled a again after its commit'])
  // Its client asked where to go on before the commit that it still had on its way was there.
  const early = new Ledger()
  early.sent(['a'])
  early.acknowledged(['a'])
  const joined = early.now()
  early.committed([early.handled('api', 'a')])
  early.handled('api', 'a', joined)
  expect(early.wrongs(['api'], log('a'))).toEqual([])
  early.handled('api', 'a', early.now())
  expect(early.wrongs(['api'], log('a'))).toEqual(['api handled a again after its commit'])
  const careless = new Ledger()
  careless.sent(['a'])
  careless.acknowledged(['a'])
  for (let i = 0; i < 2; i++) careless.handled('api', 'a')
  expect(careless.wrongs(['api'], log('a'))).toEqual([])
})

describe('a commit that is on its way while others are acknowledged', () => {
  /** a and b are committed at 2, c at 3, d elsewhere; one of 1 was begun before all of these, another life had one of 0. */
  const overtaken = () => {
    const ledger = new Ledger()
    ledger.sent(['a', 'b', 'c', 'd'])
    ledger.acknowledged(['a', 'b', 'c', 'd'])
    ledger.committing('other', 0)
    const first = ledger.committing('place', 1)
    const commit = (offset: number, place: string, ...ids: string[]) =>
      ledger.committed(
        ids.map((id) => ledger.handled('api', id)),
        ledger.committing(place, offset),
      )
    commit(2, 'place', 'a', 'b')
    commit(3, 'place', 'c')
    commit(3, 'elsewhere', 'd')
    return { ledger, first }
  }
  const again = (ledger: Ledger) => {
    for (const id of ['b', 'c', 'd']) ledger.handled('api', id)
    return ledger.wrongs(['api'], log('a', 'b', 'c', 'd'))
  }

  it('takes them back there, and nowhere else, once it is acknowledged', () => {
    const { ledger, first } = overtaken()
    ledger.committed([], first)
    expect(ledger.counts.takenBack).toBe(2)
    expect(again(ledger)).toEqual(['api handled d again after its commit'])
  })

  it('takes them back where its clients read again behind it, or have left the group at it', () => {
    for (const tell of [
      (ledger: Ledger) => ledger.reads('place', 1),
      (ledger: Ledger) => ledger.left('place', 1),
    ]) {
      const { ledger } = overtaken()
      tell(ledger)
      expect(ledger.counts.takenBack).toBe(2)
      expect(again(ledger)).toEqual(['api handled d again after its commit'])
    }
  })

  it('does not take back what was acknowledged before it was begun', () => {
    const { ledger, first } = overtaken()
    ledger.committed([], first)
    ledger.committed([ledger.handled('api', 'c')], ledger.committing('place', 3))
    ledger.committed([], ledger.committing('place', 2))
    ledger.handled('api', 'c')
    expect(ledger.wrongs(['api'], log('a', 'b', 'c', 'd'))).toEqual([
      'api handled c again after its commit',
    ])
  })

  it('is what a group is taken back by, or it is wrong', () => {
    const { ledger } = overtaken()
    ledger.reads('place', 3)
    ledger.left('place', 3)
    ledger.left('place', 4)
    expect(ledger.wrongs([], log('a', 'b', 'c', 'd'))).toEqual([])
    ledger.reads('place', 0)
    ledger.reads('place', 2)
    ledger.left('place', 2)
    expect(ledger.wrongs([], log('a', 'b', 'c', 'd'))).toEqual([
      'place reads from 0, and its commit of 3 was acknowledged',
      'place reads from 2, and its commit of 3 was acknowledged',
      'place is at 2, and its commit of 3 was acknowledged',
    ])
  })
})
