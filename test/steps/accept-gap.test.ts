import { describe, expect, it } from 'vitest'
import { MOST_PADDED, parseRangeName, rangeName } from '../../src/domain/accepted-gap.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import { acceptGap } from '../../src/steps/accept-gap.ts'
import { type GapParts, gapStep } from '../../src/steps/gap-step.ts'
import type { StopFacts } from '../../src/steps/stop-facts.ts'
import { stateWith, topic } from '../planner/_build.ts'
import { fullState } from '../state/samples.ts'

const KEY = 'orders:0' as PartitionKey
const range = (text: string) => parseRangeName(text)!

const mark = (mode: 'dense' | 'identical') => ({
  ...fullState(1).marks[0]!,
  topic: topic('orders'),
  partition: 0,
  sourceStart: 0n as SourceOffset,
  targetStart: 0n as TargetOffset,
  mode,
})

interface Case {
  readonly mode?: 'dense' | 'identical'
  readonly state?: Partial<MigrationState>
  readonly progress?: Partial<PartitionProgress>
  readonly stop?: StopFacts['stop']
  readonly source?: Readonly<Record<string, bigint>>
  readonly target?: Readonly<Record<string, bigint>>
  readonly targetEnd?: bigint
}

/** Mirrored up to 100, where the source's log begins at 150 now. */
const parts = (of: Case = {}): GapParts => {
  const marked = mark(of.mode ?? 'dense')
  const groups = (positions: Readonly<Record<string, bigint>> = {}) =>
    new Map(Object.entries(positions).map(([id, at]) => [id as GroupId, at]))
  return {
    migration: 'shop',
    state: stateWith({ stage: 'mirrored', marks: [marked], ...of.state }),
    progress: new Map([
      [
        KEY,
        {
          topic: topic('orders'),
          partition: 0,
          producerId: marked.producerId,
          checkedTo: 100n as TargetOffset,
          mirroredTo: 100n as SourceOffset,
          gaps: new GapList(),
          diverged: null,
          problem: diagnostic({ code: 'FERRY1602', detail: 'gone', fix: 'f' }),
          ...of.progress,
        } as PartitionProgress,
      ],
    ]),
    stops: new Map([
      [
        KEY,
        {
          stop: of.stop ?? { kind: 'gone', to: 150 },
          targetEnd: of.targetEnd ?? 100n,
          positions: { source: groups(of.source), target: groups(of.target) },
        },
      ],
    ]),
  }
}

const stepFor = (of: Case = {}, text = 'orders:0:100-149') => {
  const found = gapStep(parts(of), range(text))
  if ('problem' in found) throw new Error(found.problem.detail)
  return found.step!
}
const refusal = (of: Case = {}, text = 'orders:0:100-149') => {
  const found = gapStep(parts(of), range(text))
  return 'problem' in found ? `${found.problem.detail} ${found.problem.fix}` : 'accepted'
}

describe('the step that accepts a gap', () => {
  it('names a range as people do', () => {
    expect(range('a.b:3:100-149')).toEqual({ topic: 'a.b', partition: 3, from: 100n, to: 150n })
    expect(rangeName(range('a.b:3:7-7'))).toBe('a.b:3:7-7')
    for (const wrong of ['a:1:5', 'a:1:5-4', 'a:5-6', ':1:5-6', 'a:x:5-6', 'a:1:-5-6']) {
      expect(parseRangeName(wrong)).toBeUndefined()
    }
  })

  it('is free to be undone by a resync where every group is behind it', () => {
    expect(stepFor({ source: { beyond: 150n } })).toMatchObject({
      from: '100',
      to: '150',
      code: 'FERRY1602',
      offsets: 'dense',
      losing: [],
      undo: { cost: 'copies-back' },
    })
  })

  it('names each group that has not read it, with how much: below, inside, on the side where it reads', () => {
    const sync = (group: string) =>
      ({ group: group as GroupId, status: 'done', at: '', positions: new Map() }) as const
    const step = stepFor({
      source: { below: 3n, edge: 150n, inside: 149n, moved: 5n },
      target: { moved: 100n, nosy: 40n },
      state: { syncs: [sync('moved')] },
    })
    expect(step.losing).toEqual([
      { group: 'below', side: 'source', offsets: '50' },
      { group: 'inside', side: 'source', offsets: '1' },
      { group: 'moved', side: 'target', offsets: '50' },
      { group: 'nosy', side: 'target', offsets: '50' },
    ])
    expect(step.undo.cost).toBe('impossible')
    expect(acceptGap.describe(step).says).toContain(
      'inside (on the source) has not read 1 of them, and will not',
    )
  })

  it('keeps offsets identical while the gap can be padded in bounded time, and says what it costs', () => {
    const last = 100n + MOST_PADDED
    const padded = stepFor(
      { mode: 'identical', stop: { kind: 'gone', to: Number(last) } },
      `orders:0:100-${last - 1n}`,
    )
    expect(padded.offsets).toBe('padded')
    expect(acceptGap.describe(padded).says).toContain('1,000,000 control markers, 2 min')
    const diverged = stepFor(
      { mode: 'identical', stop: { kind: 'gone', to: Number(last + 1n) } },
      `orders:0:100-${last}`,
    )
    expect(diverged.offsets).toBe('diverged')
    expect(acceptGap.describe(diverged).says).toMatch(/stop to be identical.*1,000,001 lower/)
    const since = { source: 50n as SourceOffset, target: 60n as TargetOffset }
    expect(stepFor({ mode: 'identical', progress: { diverged: since } }).offsets).toBe('dense')
  })

  it.each<[string, Case, string | undefined, RegExp]>([
    ['another range', {}, 'orders:0:100-148', /now is 100 to 149.*--accept-gap orders:0:100-149/],
    ['more than that', {}, 'orders:0:100-150', /now is 100 to 149/],
    ['what was mirrored', {}, 'orders:0:99-149', /everything below 100 was mirrored/],
    [
      'no stop',
      { progress: { problem: null } },
      undefined,
      /is not stopped \(mirrored up to 100\)/,
    ],
    ['what can be carried', { stop: { kind: 'nothing' } }, undefined, /can be carried now/],
    [
      'another stop',
      { progress: { problem: diagnostic({ code: 'FERRY1604', detail: 'theirs', fix: 'f' }) } },
      undefined,
      /another reason \(FERRY1604\): theirs/,
    ],
    [
      'damage whose end is not known',
      { stop: { kind: 'blocked', block: { reason: 'crc-mismatch', from: 100, to: 101 } } },
      'orders:0:100-100',
      /another reason/,
    ],
    ['progress of an older mark', { progress: { producerId: 1n } }, undefined, /not stopped/],
    ['no mark', { state: { marks: [] } }, undefined, /has no mark/],
    ['a retired migration', { state: { stage: 'retired' } }, undefined, /is retired/],
    [
      'a sealed partition',
      { state: { seals: [{ ...fullState(1).seals[0]!, topic: topic('orders') }] } },
      undefined,
      /is sealed/,
    ],
    [
      'positions above what the target lost',
      { target: { moved: 130n } },
      undefined,
      /moved is at 130 on the target, which ends at 100/,
    ],
  ])('refuses %s', (_, of, text, says) => {
    expect(refusal(of, text)).toMatch(says)
  })

  it('is done where it was accepted under this mark, and to be waited for until the mirror is behind it', () => {
    const gap = {
      ...range('orders:0:100-149'),
      producerId: mark('dense').producerId,
      code: 'FERRY1602',
      offsets: 'dense',
      losing: [],
      at: '',
    } as const
    const known = { state: { acceptedGaps: [gap] } }
    expect(stepFor({ ...known, stop: { kind: 'nothing' } })).toMatchObject({ offsets: 'dense' })
    const behind = { ...known, progress: { mirroredTo: 150n as SourceOffset, problem: null } }
    expect(gapStep(parts(behind), range('orders:0:100-149'))).toEqual({ step: undefined })
    const older = { state: { acceptedGaps: [{ ...gap, producerId: 1n }] } }
    expect(stepFor(older)).toMatchObject({ losing: [] })
  })
})
