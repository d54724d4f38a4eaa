import { expect, test } from 'vitest'
import { encodeProgress } from '../../src/state/progress-codec.ts'
import { recordsOf, type StateKey, StateTable } from '../../src/state/state-table.ts'
import { sampleProgress } from './samples.ts'

/** Which of two words about a partition stands. On a broker: `kafka-store.test.ts`. */

const KEY: StateKey = ['progress', 'shop', 'orders', 'orders.events', 0]
const ofHolder = (generation: number) =>
  encodeProgress(
    sampleProgress('orders.events', 0, { holder: { host: 'laptop', pid: 1, generation } }),
  )

/** What stands at the end of a log of these generations (null: deleted), and whether it is to be written again. */
const after = (generations: readonly (number | null)[]) => {
  const table = new StateTable()
  for (const generation of generations) {
    const text = generation === null ? null : ofHolder(generation)
    for (const record of recordsOf({ key: KEY, text }, table.partsOf(KEY), 1_000_000)) {
      table.apply(record, 'the log')
    }
  }
  const found = [1, 2, 3, 4].find((each) => table.get(KEY)?.text === ofHolder(each))
  return [found, table.buried().map(({ key, text }) => [key, text === ofHolder(found!)])]
}

test('progress of a later holder stands, wherever that of an earlier one comes to the log', () => {
  expect(after([3, 4])).toEqual([4, []])
  expect(after([4, 4])).toEqual([4, []])
  expect(after([3, 4, 3])).toEqual([4, [[KEY, true]]])
  expect(after([4, 3, 2])).toEqual([4, [[KEY, true]]])
})

test('and is no longer buried once it, or a later one, was written again', () => {
  expect(after([3, 4, 3, 4])).toEqual([4, []])
  expect(after([2, 3, 2, 4])).toEqual([4, []])
})

test('what somebody writes again hides nothing that its holder has said since', () => {
  const said = (checkedTo: bigint) =>
    encodeProgress(sampleProgress('orders.events', 0, { checkedTo: checkedTo as never }))
  const table = new StateTable()
  const write = (text: string, place: number) => {
    for (const record of recordsOf({ key: KEY, text, after: place }, 1, 1_000_000)) {
      table.apply(record, 'the log')
    }
  }
  expect(table.nextOf(KEY)).toBe(1)
  write(said(10n), table.nextOf(KEY))
  write(said(20n), table.nextOf(KEY))
  write(said(10n), 1)
  expect(table.get(KEY)).toEqual({ text: said(20n), after: 2 })
  expect(table.buried()).toEqual([{ key: KEY, text: said(20n), after: 2 }])
  write(said(30n), table.nextOf(KEY))
  expect(table.get(KEY)).toEqual({ text: said(30n), after: 3 })
  expect(table.buried()).toEqual([])
})

test('what was deleted stands no more: then all is taken', () => {
  expect(after([4, null, 3])).toEqual([3, []])
  expect(after([4, 3, null])).toEqual([undefined, []])
})

test('is not asked of decisions, which are fenced', () => {
  const table = new StateTable()
  const key: StateKey = ['decisions', 'shop', 'orders']
  for (const text of [ofHolder(4), ofHolder(3)]) {
    for (const record of recordsOf({ key, text }, 1, 1_000_000)) table.apply(record, 'the log')
  }
  expect(table.get(key)?.text).toBe(ofHolder(3))
})
