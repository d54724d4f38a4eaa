import { describe, expect, it } from 'vitest'
import type { PartitionKey, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Salvage } from '../../src/domain/state.ts'
import { coveredTo, heldAndGone, notSalvaged, strandedRanges } from '../../src/domain/stranded.ts'

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

const SEAL = {
  topic: 'orders' as TopicName,
  partition: 0,
  sourceEnd: 100n as SourceOffset,
  targetEnd: 100n as TargetOffset,
  at: '',
}
const stateWith = (...salvages: readonly Salvage[]) => ({
  seals: [SEAL],
  salvages,
  lost: [],
  reverse: { marks: [], seals: [] },
})

describe('a source whose retention takes what came late', () => {
  it('holds the rest, which can be salvaged; what is gone is named by its range', () => {
    const at = (start: bigint) =>
      heldAndGone([range(100n, 115n)], new Map([['orders:0' as PartitionKey, start]]))
    expect(at(90n)).toEqual({ held: [range(100n, 115n)], gone: [] })
    expect(at(110n)).toEqual({ held: [range(110n, 115n)], gone: [range(100n, 110n)] })
    expect(at(115n)).toEqual({ held: [], gone: [range(100n, 115n)] })
  })

  it('is not accounted for by what was salvaged behind the hole', () => {
    const state = stateWith(salvage(110n, 115n))
    expect(coveredTo(SEAL, state)).toBe(100n)
    expect(strandedRanges(state, () => 115n)).toEqual([range(100n, 110n)])
    expect(strandedRanges(state, () => 120n)).toEqual([range(100n, 110n), range(115n, 120n)])
    const whole = stateWith(salvage(110n, 115n), salvage(100n, 110n))
    expect(coveredTo(SEAL, whole)).toBe(115n)
    expect(strandedRanges(whole, () => 115n)).toEqual([])
  })
})

describe('of a range that came late, what no salvage has taken', () => {
  const rest = (...salvages: readonly Salvage[]) =>
    notSalvaged([range(100n, 115n)], { salvages, lost: [] })

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

  it('is what nobody has given up', () => {
    const lost = {
      ...range(102n, 110n),
      unseen: false,
      by: { user: 'ines', host: 'here' },
      at: '2026-01-01T00:00:00Z',
    }
    const state = { ...stateWith(salvage(110n, 115n)), lost: [lost] }
    expect(notSalvaged([range(100n, 115n)], state)).toEqual([range(100n, 102n)])
    expect(coveredTo(SEAL, state)).toBe(100n)
    expect(coveredTo(SEAL, { ...state, lost: [{ ...lost, ...range(100n, 110n) }] })).toBe(115n)
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
