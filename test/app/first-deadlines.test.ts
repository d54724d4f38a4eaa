import { expect, test } from 'vitest'
import { deadlinesOf } from '../../src/app/first-deadlines.ts'
import type { PartitionKey } from '../../src/domain/ids.ts'
import type { Deadline } from '../../src/domain/plan.ts'
import { migration, observed, plan, stateWith } from '../planner/_build.ts'

const at = (hour: number, about: Deadline['about']): Deadline => ({
  at: `2026-11-22T${hour}:00:00.000Z`,
  says: '',
  about,
})
const KEY = 'orders:0' as PartitionKey

test('the first deadline of each direction, for metrics', () => {
  const of = (deadlines: readonly Deadline[]) => {
    const found = deadlinesOf({
      plan: { ...plan({}), deadlines },
      migration: migration(),
      observed: observed(),
      state: stateWith({}),
      progress: new Map(),
    })
    return [found.first?.getUTCHours(), found.firstBack?.getUTCHours()]
  }
  const there = (hour: number) =>
    at(hour, { kind: 'source-retention', partition: KEY, offset: '1' })
  const back = (hour: number) => at(hour, { kind: 'back-retention', partition: KEY, offset: '1' })
  expect(of([back(12), there(14), there(15), back(16)])).toEqual([14, 12])
  expect(of([there(14)])).toEqual([14, undefined])
  expect(of([])).toEqual([undefined, undefined])
})
