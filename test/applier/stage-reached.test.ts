import { expect, test } from 'vitest'
import { stageReached } from '../../src/applier/stage-reached.ts'
import type { Plan } from '../../src/domain/plan.ts'

const reached = (kinds: readonly (readonly [kind: string, stage: string])[], done: number) => {
  const steps = kinds.map(([kind, stage]) => ({ kind, stage, id: `${kind}/orders` }))
  const plan = { from: 'producers-moved', to: 'nothing', steps } as unknown as Plan
  return stageReached(plan, 'consumers-first', new Set(steps.slice(0, done).map(({ id }) => id)))
}

test('a rollback comes past the stages in between, but where it mirrors back first: that keeps its stage until the copy is given up', () => {
  const rest = [
    ['forget-mark', 'prepared'],
    ['delete-topic', 'nothing'],
  ] as const
  const way = [['verify-reverse', 'prepared'], ...rest] as const
  expect([0, 1, 2, 3].map((done) => reached(way, done))).toEqual([
    undefined,
    undefined,
    'prepared',
    'prepared',
  ])
  expect([0, 1, 2].map((done) => reached(rest, done))).toEqual(['mirrored', 'prepared', 'prepared'])
})
