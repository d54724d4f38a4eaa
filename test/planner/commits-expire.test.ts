import { describe, expect, it } from 'vitest'
import type { PartitionKey, SourceOffset } from '../../src/domain/ids.ts'
import type { GroupReturn } from '../../src/domain/moved-groups.ts'
import type { GroupDescription } from '../../src/kafka/cluster.ts'
import { group, groupSeen, migration, NOW, observed, plan, stateWith } from './_build.ts'
import { STATE, seenOnTarget, sync } from './_moved.ts'

/** From when on positions count, for each kind of group; that brokers do so: test/scenarios/positions-expire.slow.test.ts. */

const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000).toISOString()
const LIVED = { state: 'empty', type: 'classic', protocolType: 'consumer' } as const
const SIMPLE = { ...LIVED, protocolType: '' } as const
const NEW = { state: 'empty', type: 'consumer', protocolType: 'consumer' } as const
const MEMBERS = [{ memberId: 'm', clientId: 'api-1', host: '/10.0.0.7' }]

/** Put back to 650, of a sync of so many days ago. */
const returned = (days: number, ofDays: number): GroupReturn => ({
  group: group('api'),
  status: 'done',
  at: daysAgo(days),
  of: daysAgo(ofDays),
  positions: new Map([
    [
      'orders:0' as PartitionKey,
      { source: 650n as SourceOffset, target: 550n, previous: null, metadata: '' },
    ],
  ]),
})

const found = (
  here: Partial<GroupDescription>,
  there: Partial<GroupDescription>,
  state: Parameters<typeof stateWith>[0],
  parts: Parameters<typeof plan>[0] & { readonly at?: bigint } = {},
) => {
  const { at = 650n, ...more } = parts
  const { problems, deadlines } = plan({
    desired: migration({ stage: 'consumers-moved' }),
    observed: observed({
      source: { groups: new Map([[group('api'), groupSeen('api', { 'orders:0': at }, here)]]) },
      target: {
        ...seenOnTarget(1000n),
        groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 500n }, there)]]),
      },
    }),
    state: stateWith({ ...STATE, stage: 'mirrored', seals: [], grants: [], syncs: [], ...state }),
    ...more,
  })
  return {
    commits: deadlines
      .filter(({ about: { kind } }) => kind.endsWith('-commits'))
      .map(({ at: when, about }) => `${about.kind} ${when}`),
    warned: problems.flatMap(({ code, severity, detail }) =>
      code === 'FERRY1369' ? [`${severity}: ${detail}`] : [],
    ),
  }
}

describe('positions on the source', () => {
  it.each<[string, Partial<GroupDescription>, readonly GroupReturn[], number]>([
    ['of a group of which nothing is known', LIVED, [], 7],
    ['put back into a group that had members: since it was synced', LIVED, [returned(1, 5)], 2],
    ['put back into one that never had: since then', SIMPLE, [returned(1, 5)], 6],
    ['put back into one of the new protocol: since then', NEW, [returned(1, 5)], 6],
  ])('live on %s', (_, here, returns, days) => {
    expect(found(here, SIMPLE, { returns })).toEqual({
      commits: [`source-commits ${daysAgo(-days)}`],
      warned: [],
    })
  })

  it('have no moment where the group is empty for longer than that, as far as is known', () => {
    const { commits, warned } = found(LIVED, SIMPLE, { returns: [returned(1, 8)] })
    expect(commits).toEqual([])
    expect(warned).toEqual([
      expect.stringMatching(/^warning: The positions of api on old .* may expire at any moment/),
    ])
  })

  it('count anew where it has run since', () => {
    expect(found(LIVED, SIMPLE, { returns: [returned(1, 8)] }, { at: 651n })).toEqual({
      commits: [`source-commits ${daysAgo(-7)}`],
      warned: [],
    })
  })

  it('count from the beginning of a sync that has not ended', () => {
    const syncs = [
      { ...sync({ 'orders:0': [650n, 500n] }), status: 'pending' as const, at: daysAgo(3) },
    ]
    expect(found(LIVED, SIMPLE, { syncs })).toMatchObject({
      commits: [`source-commits ${daysAgo(-4)}`],
    })
    expect(found(LIVED, SIMPLE, { syncs }, { at: 651n })).toMatchObject({
      commits: [`source-commits ${daysAgo(-7)}`],
    })
  })
})

describe('positions on the target', () => {
  const syncs = [{ ...sync({ 'orders:0': [650n, 500n] }), at: daysAgo(1) }]

  it.each<[string, Partial<GroupDescription>, number | undefined]>([
    ['that never had members count from the sync', SIMPLE, 6],
    ['of the new protocol do so, too', NEW, 6],
    ['that had members count from the end of the earlier move', LIVED, 2],
  ])('of a group %s', (_, there, days) => {
    expect(found(LIVED, there, { syncs, returns: [returned(5, 9)] })).toEqual({
      commits: [`target-commits ${daysAgo(-days!)}`],
      warned: [],
    })
  })

  it('have no moment where that is over', () => {
    const { commits, warned } = found(LIVED, LIVED, { syncs, returns: [returned(8, 9)] })
    expect(commits).toEqual([])
    expect(warned).toEqual([expect.stringContaining('The synced positions of api on new')])
  })

  it.each([
    ['had members', LIVED, 1],
    ['never had', SIMPLE, 0],
    ['is of the new protocol', NEW, 0],
    ['has them', { ...LIVED, members: MEMBERS }, 0],
  ])('are told of before they are written into a group that %s', (_, there, count) => {
    expect(found(LIVED, there, {}).warned).toEqual(
      Array(count).fill(
        expect.stringMatching(/api has had members on new .* 7 days after the last/),
      ),
    )
  })
})

it.each([
  ['had members', LIVED, 1],
  ['never had', SIMPLE, 0],
])('a rollback says how long positions live in a group of the source that %s', (_, here, count) => {
  const parts = { purpose: { kind: 'rollback', to: 'mirrored' } as const }
  const state = { ...STATE, seals: [], stage: 'consumers-moved' as const }
  expect(found(here, LIVED, state, parts).warned).toEqual(
    Array(count).fill(expect.stringMatching(/api has had members on old .* that are put back now/)),
  )
})
