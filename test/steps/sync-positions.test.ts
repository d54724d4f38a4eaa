import { describe, expect, it } from 'vitest'
import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark, Seal } from '../../src/domain/mark.ts'
import { GapList, type OffsetIndex } from '../../src/domain/offset-index.ts'
import type { SyncGroup } from '../../src/domain/step.ts'
import type { PartitionNow } from '../../src/steps/partitions-now.ts'
import { previousOf, refusal, wantedPositions } from '../../src/steps/sync-positions.ts'

/** The rules of design section 6 for one position, as pure functions. That brokers keep them is for test/scenarios. */

const KEY = 't:0' as PartitionKey
const step = (parts: Partial<SyncGroup> = {}): SyncGroup =>
  ({
    group: 'g' as GroupId,
    topics: ['t' as TopicName],
    uncommitted: 'absent',
    allowRewind: false,
    ...parts,
  }) as SyncGroup

/** Mark (100, 0), dense; a marker at 110, a hole from 120 to 125, copied up to 200: the target's copy ends at 94. */
const partition = (parts: Partial<PartitionNow> = {}): PartitionNow => {
  const mark = { mode: 'dense', sourceStart: 100n, targetStart: 0n } as Mark
  const proven: OffsetIndex = {
    mark,
    gaps: GapList.of([
      { from: 110, to: 111 },
      { from: 120, to: 125 },
    ]),
    mirroredTo: 200n as SourceOffset,
  }
  return {
    key: KEY,
    mark,
    proven,
    index: proven,
    seal: undefined,
    sourceStart: 70n,
    sourceEnd: 200n,
    targetStart: 0n,
    targetEnd: 94n,
    ...parts,
  } as PartitionNow
}
const commits = (offsets: Readonly<Record<string, bigint>>) =>
  new Map(
    Object.entries(offsets).map(([key, offset]) => [
      key as PartitionKey,
      { offset, metadata: 'm', leaderEpoch: 7 },
    ]),
  )
const wanted = (
  offsets: Readonly<Record<string, bigint>>,
  now = partition(),
  of: Partial<SyncGroup> = {},
) => {
  const found = wantedPositions(step(of), commits(offsets), new Map([[KEY, now]]))
  if ('problem' in found) return found.problem.code
  const position = found.positions.get(KEY)
  return { target: position?.target, source: position?.source, skipped: found.skipped[0] }
}

describe('a position', () => {
  it.each([
    ['at the mark', 100n, 0n],
    ['before the marker', 109n, 9n],
    ['on the marker', 110n, 10n],
    ['behind it', 111n, 10n],
    ['in the hole', 122n, 19n],
    ['behind that', 125n, 19n],
    ['at the end', 200n, 94n],
  ])('%s', (_, offset, target) => {
    expect(wanted({ [KEY]: offset })).toEqual({ target, source: offset, skipped: undefined })
  })

  it('below the mark is the mark, and what is skipped is told: what the source still holds, and what is gone', () => {
    const at = (offset: bigint, sourceStart: bigint) =>
      wanted({ [KEY]: offset }, partition({ sourceStart }))
    const skipped = (held: bigint, gone: bigint, from = 40n) => ({
      ...{ target: 0n, source: from },
      skipped: { key: KEY, from, mark: 100n, held, gone },
    })
    expect(at(40n, 0n)).toEqual(skipped(60n, 0n))
    expect(at(40n, 70n)).toEqual(skipped(30n, 30n))
    expect(at(40n, 100n)).toEqual(skipped(0n, 60n))
    // What is mirrored and gone from the source by now is on the target.
    expect(at(40n, 180n)).toEqual(skipped(0n, 60n))
    expect(at(99n, 70n)).toEqual(skipped(1n, 0n, 99n))
  })

  it('in a partition that has no mark is refused, and not passed over', () => {
    expect(wanted({ [KEY]: 100n, 't:1': 3n })).toBe('FERRY1703')
  })

  it('ahead of what the mirror has checked is not written', () => {
    expect(wanted({ [KEY]: 201n })).toBe('FERRY1703')
    // The target may hold more: only what was checked counts.
    const { proven } = partition()
    const behind = partition({ proven: { ...proven, mirroredTo: 150n as SourceOffset } })
    expect(wanted({ [KEY]: 160n }, behind)).toBe('FERRY1703')
  })

  it('in another topic is refused', () => {
    expect(wanted({ [KEY]: 150n, 'other:0': 1n })).toBe('FERRY1308')
  })

  it('that is not there stays so, unless the file says otherwise', () => {
    expect(wanted({})).toEqual({ target: undefined, source: undefined, skipped: undefined })
    expect(wanted({}, partition(), { uncommitted: 'start' })).toMatchObject({ target: 0n })
    expect(wanted({}, partition(), { uncommitted: 'end' })).toMatchObject({ target: 94n })
  })

  it('past the seal is taken back to it only where that was allowed by name', () => {
    const seal = { sourceEnd: 200n, targetEnd: 94n } as Seal
    // Producers have written on both sides since.
    const sealed = partition({ seal, sourceEnd: 210n, targetEnd: 500n })
    expect(wanted({ [KEY]: 200n }, sealed)).toMatchObject({ target: 94n })
    expect(wanted({ [KEY]: 205n }, sealed)).toBe('FERRY1703')
    expect(wanted({ [KEY]: 205n }, sealed, { allowRewind: true })).toEqual({
      target: 94n,
      source: 200n,
      skipped: undefined,
    })
    // Past the source's own end there is nothing that it stands for.
    expect(wanted({ [KEY]: 211n }, sealed, { allowRewind: true })).toBe('FERRY1703')
  })
})

describe('writing is refused', () => {
  const target = { name: 'new' }
  const refused = (
    now: PartitionNow,
    previous: Readonly<Record<string, bigint>>,
    of: Partial<SyncGroup> = {},
    ours?: bigint,
  ) => {
    const position = { source: 150n as SourceOffset, target: 44n, metadata: '' }
    const syncs =
      ours === undefined ? [] : [{ group: 'g', positions: new Map([[KEY, { target: ours }]]) }]
    const run = { clusters: { target }, state: () => ({ syncs }) } as never
    const all = new Map([[KEY, now]])
    return refusal(step(of), new Map([[KEY, position]]), all, commits(previous), run)?.code
  }

  it('below the log start of the target, or past its end', () => {
    expect(refused(partition(), {})).toBeUndefined()
    expect(refused(partition({ targetStart: 45n }), {})).toBe('FERRY1702')
    expect(refused(partition({ targetEnd: 43n }), {})).toBe('FERRY1702')
  })

  it('where the group is further already, unless it may be taken back or an attempt of ours was there', () => {
    expect(refused(partition(), { [KEY]: 44n })).toBeUndefined()
    expect(refused(partition(), { [KEY]: 45n })).toBe('FERRY1705')
    expect(refused(partition(), { [KEY]: 45n }, { allowRewind: true })).toBeUndefined()
    expect(refused(partition(), { [KEY]: 45n }, {}, 45n)).toBeUndefined()
  })

  it('where somebody left a position on the target that the group has not on the source', () => {
    const run = { clusters: { target }, state: () => ({ syncs: [] }) } as never
    const all = new Map([[KEY, partition()]])
    const left = (previous: Readonly<Record<string, bigint>>) =>
      refusal(step(), new Map(), all, commits(previous), run)?.code
    expect(left({ [KEY]: 3n })).toBe('FERRY1705')
    expect(left({ 'other:0': 3n })).toBeUndefined()
  })
})

describe('what was there before', () => {
  const group = 'g' as GroupId
  const ours = { offset: 44n, metadata: 'm', leaderEpoch: -1 }
  const tried = (previous: { readonly offset: bigint; readonly metadata: string } | null) =>
    ({ state: () => ({ syncs: [{ group, positions: new Map([[KEY, { previous }]]) }] }) }) as never

  it('is what the first attempt found, also nothing: a later one finds our own commit', () => {
    expect(previousOf(tried(null), group, KEY, ours)).toBeNull()
    expect(previousOf(tried({ offset: 3n, metadata: '' }), group, KEY, ours)).toMatchObject({
      offset: 3n,
    })
  })

  it('is what is there where nothing was tried yet', () => {
    const run = { state: () => ({ syncs: [] }) } as never
    expect(previousOf(run, group, KEY, ours)).toEqual({ offset: 44n, metadata: 'm' })
    expect(previousOf(run, group, KEY, undefined)).toBeNull()
  })
})
