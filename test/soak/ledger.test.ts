import { expect, it } from 'vitest'
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
  // A commit from before takes back what was committed since, by the client itself, there; nowhere else.
  const late = new Ledger()
  late.sent(['a', 'b', 'c'])
  late.acknowledged(['a', 'b', 'c'])
  const commit = (offset: number, place: string, ...ids: string[]) =>
    late.committed(
      ids.map((id) => late.handled('api', id)),
      { place, offset },
    )
  commit(2, 'old', 'a', 'b')
  commit(3, 'new', 'c')
  late.committed([], { place: 'old', offset: 1 })
  expect(late.counts.takenBack).toBe(1)
  for (const id of ['b', 'c']) late.handled('api', id)
  expect(late.wrongs(['api'], log('a', 'b', 'c'))).toEqual(['api handled c again after its commit'])
  const careless = new Ledger()
  careless.sent(['a'])
  careless.acknowledged(['a'])
  for (let i = 0; i < 2; i++) careless.handled('api', 'a')
  expect(careless.wrongs(['api'], log('a'))).toEqual([])
})
