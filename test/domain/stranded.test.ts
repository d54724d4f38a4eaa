import { describe, expect, it } from 'vitest'
import type { SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Salvage } from '../../src/domain/state.ts'
import { notSalvaged } from '../../src/domain/stranded.ts'

const range = (from: bigint, to: bigint, partition = 0) => ({
  topic: 'orders' as TopicName,
  partition,
  from: from as SourceOffset,
  to: to as SourceOffset,
})
const salvage = (from: bigint, to: bigint, more: Partial<Salvage> = {}): Salvage => ({
  ...range(from, to),
  status: 'done',
  producerId: from,
  producerEpoch: 0,
  targetFrom: 0n as TargetOffset,
  at: '2026-01-01T00:00:00Z',
  ...more,
})

describe('of a range that came late, what no salvage has taken', () => {
  const rest = (...salvages: readonly Salvage[]) => notSalvaged([range(100n, 115n)], { salvages })

  it('is nothing once salvages took all of it, one behind the other, in whatever order they are stored', () => {
    expect(rest(salvage(100n, 110n), salvage(110n, 115n))).toEqual([])
    expect(rest(salvage(110n, 115n), salvage(100n, 105n), salvage(105n, 110n))).toEqual([])
    expect(rest(salvage(100n, 120n))).toEqual([])
  })

  it('is what lies before, between and behind them', () => {
    expect(rest()).toEqual([range(100n, 115n)])
    expect(rest(salvage(100n, 110n))).toEqual([range(110n, 115n)])
    expect(rest(salvage(104n, 106n), salvage(106n, 108n), salvage(110n, 112n))).toEqual([
      range(100n, 104n),
      range(108n, 110n),
      range(112n, 115n),
    ])
  })

  it('is not lessened by what is pending, or by what lies elsewhere', () => {
    expect(
      rest(
        salvage(100n, 115n, { status: 'pending' }),
        salvage(100n, 115n, { partition: 1 }),
        salvage(90n, 100n),
        salvage(115n, 120n),
      ),
    ).toEqual([range(100n, 115n)])
  })
})
