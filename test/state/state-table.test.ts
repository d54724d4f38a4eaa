import { expect, test } from 'vitest'
import { GapList } from '../../src/domain/offset-index.ts'
import type { GapChunk } from '../../src/domain/partition-progress.ts'
import { gapsWrites, progressIn, progressWrites } from '../../src/state/kafka-progress.ts'
import { encodeProgress } from '../../src/state/progress-codec.ts'
import {
  recordsOf,
  type StateKey,
  type StateRecord,
  StateTable,
  type StateWrite,
} from '../../src/state/state-table.ts'
import { sampleChunk, sampleProgress } from './samples.ts'

/** Which of two words about a partition stands. On a broker: `kafka-store.test.ts`. */

const KEY: StateKey = ['progress', 'shop', 'orders', 'orders.events', 0]
const ofHolder = (generation: number) =>
  encodeProgress(
    sampleProgress('orders.events', 0, { holder: { host: 'laptop', pid: 1, generation } }),
  )

const apply = (table: StateTable, writes: readonly StateWrite[]) => {
  for (const write of writes) {
    for (const record of recordsOf(write, table.partsOf(write.key), 1_000_000)) {
      table.apply(record, 'the log')
    }
  }
}

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

test('of two processes that took the same generation, as neither had read of the other, the first has it', () => {
  const word = (pid: number, generation = 4) =>
    encodeProgress(
      sampleProgress('orders.events', 0, { holder: { host: 'laptop', pid, generation } }),
    )
  const table = new StateTable()
  const write = (text: string) => apply(table, [{ key: KEY, text, after: table.nextOf(KEY) }])
  write(word(11))
  write(word(12))
  expect(table.get(KEY)?.text).toBe(word(11))
  expect(table.buried().map(({ text }) => text)).toEqual([word(11)])
  write(word(12, 5))
  expect(table.get(KEY)?.text).toBe(word(12, 5))
})

test('gaps of a later holder stand, wherever those of an earlier one come to the log, who looked at it before', () => {
  const writes = (table: StateTable, generation: number, isWhole = true) =>
    gapsWrites(
      'shop',
      'orders',
      [
        sampleChunk('a', 0, {
          generation,
          tenure: `of ${generation}`,
          isWhole,
          gaps: gap(generation),
        }),
      ],
      table,
    )
  const gap = (length: number) => GapList.of([{ from: 5, to: 5 + length }]).bytesFrom(0)
  const table = new StateTable()
  const stands = () =>
    progressIn('shop', 'orders', table).map(({ value }) =>
      [...value.gaps].map(({ from, to }) => Number(to) - Number(from)),
    )
  apply(table, progressWrites('shop', 'orders', [sampleProgress('a', 0)], table))
  apply(table, writes(table, 3))
  const [late, lateAdded] = [writes(table, 3), writes(table, 3, false)]
  apply(table, writes(table, 4))
  for (const each of [late, lateAdded]) {
    apply(table, each)
    expect(stands()).toEqual([[4]])
  }
  expect(() => writes(table, 3)).toThrow('comes too late')
  // The next whole ones take with them what came late.
  apply(table, writes(table, 5))
  expect(stands()).toEqual([[5]])
  expect(table.keys('gaps')).toHaveLength(1)
})

test('a holder that comes late deletes nothing of what the next one is writing, in many parts', () => {
  const gap = (length: number) => GapList.of([{ from: 5, to: 5 + length }]).bytesFrom(0)
  const chunk = (generation: number, over: Partial<GapChunk> = {}) =>
    sampleChunk('a', 0, { generation, tenure: `of ${generation}`, gaps: gap(generation), ...over })
  const writes = (table: StateTable, each: GapChunk) => gapsWrites('shop', 'orders', [each], table)
  /** As records of few bytes. */
  const partsOf = (table: StateTable, all: readonly StateWrite[]) =>
    all.flatMap((write) => recordsOf(write, table.partsOf(write.key), 20))
  const put = (table: StateTable, records: readonly StateRecord[]) => {
    for (const record of records) table.apply(record, 'the log')
  }
  const stands = (table: StateTable) =>
    progressIn('shop', 'orders', table).map(({ value }) =>
      [...value.gaps].map(({ from, to }) => Number(to) - Number(from)),
    )
  const begun = () => {
    const table = new StateTable()
    apply(table, progressWrites('shop', 'orders', [sampleProgress('a', 0)], table))
    apply(table, writes(table, chunk(5)))
    const records = partsOf(table, writes(table, chunk(6)))
    expect(records.length).toBeGreaterThan(4)
    return { table, records }
  }
  // Wherever it looks while the next one writes, also where that one dies then.
  const { length } = begun().records
  for (let at = 1; at <= length; at++) {
    const { table, records } = begun()
    put(table, records.slice(0, at))
    expect(() => writes(table, chunk(5))).toThrow('stored by holder 6 already')
    put(table, records.slice(at))
    expect(stands(table)).toEqual([[6]])
    expect(table.keys('gaps')).toHaveLength(1)
  }
  // Of an earlier version nobody knows whose it is: it stays until it is whole.
  const { table, records } = begun()
  const asBefore = records.map((each) => ({ ...each, header: each.header.replace(/ 6$/, ' 0') }))
  put(table, asBefore.slice(0, 2))
  const late = partsOf(table, writes(table, chunk(5)))
  put(table, late)
  put(table, asBefore.slice(2))
  expect(stands(table)).toEqual([[6]])
  // What its writer left in the middle goes with the next whole one.
  put(table, partsOf(table, writes(table, chunk(7))).slice(0, 2))
  expect(stands(table)).toEqual([[6]])
  put(table, partsOf(table, writes(table, chunk(8))))
  expect(stands(table)).toEqual([[8]])
  expect(table.keys('gaps')).toHaveLength(1)
})

test('gaps are added only to a whole chunk that is there', () => {
  const table = new StateTable()
  const writes = (over: Partial<GapChunk>) =>
    gapsWrites('shop', 'orders', [sampleChunk('a', 0, over)], table)
  const add = () => writes({ isWhole: false })
  expect(add).toThrow('is not there any more')
  apply(table, writes({}))
  const before = add()
  apply(table, before)
  apply(table, writes({ generation: 4, tenure: 'second' }))
  // Who looked before that; what it added does not make it any better.
  apply(table, before)
  expect(add).toThrow('is not there any more')
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
