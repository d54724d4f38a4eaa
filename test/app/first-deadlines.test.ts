import { expect, test } from 'vitest'
import { deadlinesOf } from '../../src/app/first-deadlines.ts'
import type { PartitionKey } from '../../src/domain/ids.ts'
import type { Seal } from '../../src/domain/mark.ts'
import type { Deadline } from '../../src/domain/plan.ts'
import type { LostRange, MigrationState } from '../../src/domain/state.ts'
import { migration, observed, plan, stateWith, topic, topicSeen } from '../planner/_build.ts'

const at = (hour: number, about: Deadline['about']): Deadline => ({
  at: `2026-11-22T${hour}:00:00.000Z`,
  says: '',
  about,
})
const KEY = 'orders:0' as PartitionKey
const PLACE = { topic: topic('orders'), partition: 0 }

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

test('what came late and is neither salvaged nor given up, in offsets', () => {
  const orders = topicSeen('orders', [[0n, 112n]])
  const stranded = (parts: Partial<MigrationState>) =>
    deadlinesOf({
      plan: plan({}),
      migration: migration(),
      observed: observed({ source: { topics: new Map([[topic('orders'), orders]]) } }),
      state: stateWith({
        stage: 'producers-moved',
        seals: [{ ...PLACE, sourceEnd: 100n, targetEnd: 100n, at: '' } as Seal],
        ...parts,
      }),
      progress: new Map(),
    }).stranded
  expect(stranded({})).toBe(12)
  const lost = [{ ...PLACE, from: 100n, to: 109n, unseen: false } as LostRange]
  expect(stranded({ lost })).toBe(3)
  expect(stranded({ stage: 'retired' })).toBe(0)
})
