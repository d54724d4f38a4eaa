import { describe, expect, test } from 'vitest'
import { CommitRenewer } from '../../src/app/renew-commits.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset } from '../../src/domain/ids.ts'
import type { GroupSync } from '../../src/domain/moved-groups.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { Cluster, GroupDescription } from '../../src/kafka/cluster.ts'

/** When positions are written again, and when never. That a broker forgets them, and what it says of a group: test/scenarios/kinds-of-groups.test.ts. */

const DAY = 86_400_000
const API = 'api' as GroupId
const [KEY, ADDED] = ['orders:0', 'orders:1'] as PartitionKey[] as [PartitionKey, PartitionKey]
const UNTOUCHED = { state: 'empty', type: 'classic', protocolType: '', members: [] } as const

/** A group whose position was written on day 0, and what it looks like at each look of days later. */
const lookedAt = async (
  days: readonly number[],
  {
    groups = [],
    commits = () => ({ offset: 5n, metadata: 'noted' }),
    refuses = () => false,
    pending = () => [],
    keys = () => [KEY],
    meanwhile = (sync) => [sync],
  }: {
    /** One for each time that it is described; then untouched again. */
    readonly groups?: readonly Partial<GroupDescription>[]
    readonly commits?: () => { readonly offset: bigint; readonly metadata: string } | undefined
    readonly refuses?: () => boolean
    readonly pending?: () => readonly PartitionKey[]
    /** What has a position on which day; that of the partition that came since is of day 5. */
    readonly keys?: (day: number) => readonly PartitionKey[]
    /** The syncs of the decisions right before the commit, and right after it. */
    readonly meanwhile?: (sync: GroupSync, isCommitted: boolean) => readonly GroupSync[]
  } = {},
) => {
  let day = 0
  const written: number[] = []
  const of: PartitionKey[][] = []
  const said: string[] = []
  const described = [...groups]
  const target = {
    name: 'new',
    describeCluster: async () => ({ brokers: [{ nodeId: 1 }] }),
    describeBrokerConfigs: async () => new Map(),
    describeGroups: async () => ({
      ok: new Map([[API, { id: API, ...UNTOUCHED, ...described.shift() }]]),
      failed: new Map(),
    }),
    lookAtCommits: async () => {
      const commit = commits()
      const found = new Map(
        commit === undefined ? [] : keys(day).map((key) => [key, { ...commit, leaderEpoch: -1 }]),
      )
      return { ok: new Map([[API, { commits: found, pending: pending() }]]), failed: new Map() }
    },
    commitOffsets: async (_: GroupId, wanted: ReadonlyMap<PartitionKey, unknown>) => {
      const why = diagnostic({ code: 'FERRY1209', detail: 'it has members', fix: '' })
      if (refuses()) return { ok: new Map(), failed: new Map([[KEY, why]]) }
      written.push(day)
      of.push([...wanted.keys()])
      return { ok: new Map(), failed: new Map() }
    },
  } as unknown as Cluster
  const renewer = new CommitRenewer({
    target,
    log: ({ message }) => said.push(message),
    now: () => day * DAY,
  })
  const position = {
    ...{ source: 5n as SourceOffset, target: 5n, previous: null },
    ...{ metadata: 'noted', proof: 'record' as const },
  }
  const syncOf = (): GroupSync => ({
    ...{ group: API, status: 'done', at: new Date(0).toISOString() },
    positions: new Map(
      keys(day).map((key) => [
        key,
        { ...position, ...(key === ADDED && { at: new Date(5 * DAY).toISOString() }) },
      ]),
    ),
  })
  for (day of days) {
    const state = { ...emptyState('orders', 'l'), syncs: [syncOf()] }
    const before = written.length
    await renewer.look('orders', state, async () => ({
      ...state,
      syncs: meanwhile(syncOf(), written.length > before),
    }))
  }
  return { written, of, said }
}

test('are written again in the last quarter of seven days, and then count anew', async () => {
  const { written } = await lookedAt([0, 5.2, 5.3, 5.4, 10.5, 10.6])
  expect(written).toEqual([5.3, 10.6])
})

test.each<[string, readonly number[], readonly PartitionKey[], readonly number[]]>([
  ['by a process that was there before', [0, 5.1, 5.2, 5.3, 10.5, 10.6], [KEY], [5.3, 10.6]],
  ['by one that starts after', [5.1, 5.2, 5.3, 10.5, 10.6], [KEY], [5.3, 10.6]],
  ['which may be one of them', [0, 5.3, 10.2, 10.3], [], [10.3]],
])('are as old as the oldest where partitions came since, %s', async (_, days, first, renewed) => {
  const has = { keys: (day: number) => (day > 5 ? [...first, ADDED] : first) }
  const { written, of } = await lookedAt(days, has)
  expect(written).toEqual(renewed)
  expect(of[0]).toEqual([...first, ADDED])
})

test.each<[string, Partial<GroupDescription>]>([
  ['has members', { members: [{ memberId: 'm', clientId: 'c', host: '/h' }] }],
  ['had members, which have left', { protocolType: 'consumer' }],
  ['is of the new protocol', { type: 'consumer' }],
  ['is being joined', { state: 'preparing-rebalance' }],
])('are left alone for good where the group %s', async (_, seen) => {
  const { written, said } = await lookedAt([5.3, 5.4], { groups: [seen] })
  expect(written).toEqual([])
  expect(said).toEqual([expect.stringMatching(/are not renewed: it has members, or had some/)])
})

test.each([
  ['another offset', { offset: 6n, metadata: 'noted' }, /at 5 and is at 6/],
  ['other metadata', { offset: 5n, metadata: 'mine' }, /at 5 and is at 5/],
  ['nothing', undefined, /at 5 and is gone/],
])('are left alone for good where there is %s, without any member', async (_, found, says) => {
  const looks = [found, { offset: 5n, metadata: 'noted' }]
  const { written, said } = await lookedAt([5.3, 5.4], { commits: () => looks.shift() })
  expect(written).toEqual([])
  expect(said).toEqual([expect.stringMatching(says)])
})

test('are written at the next look where a transaction is about to move them: what it commits must stand', async () => {
  const open = [[KEY], []]
  const { written, said } = await lookedAt([5.3, 5.4], { pending: () => open.shift()! })
  expect(written).toEqual([5.4])
  expect(said).toEqual(['renewed the positions of api on new'])
})

test('that the broker refuses are tried at the next look', async () => {
  const answers = [true, false]
  const { written, said } = await lookedAt([5.3, 5.4], { refuses: () => answers.shift()! })
  expect(written).toEqual([5.4])
  expect(said[0]).toMatch(/were not renewed: it has members/)
})

test('are said where a consumer came in that very moment, and never written again', async () => {
  const { written, said } = await lookedAt([5.3, 10.6], { groups: [{}, { state: 'stable' }] })
  expect(written).toEqual([5.3])
  expect(said).toEqual([expect.stringMatching(/renewed while a consumer of it came/)])
})

describe('beside an apply, which is not locked out', () => {
  const other = (sync: GroupSync): GroupSync => ({ ...sync, at: new Date(5 * DAY).toISOString() })
  const moved = (sync: GroupSync): GroupSync => ({
    ...sync,
    positions: new Map([...sync.positions].map(([key, p]) => [key, { ...p, target: 9n }])),
  })
  const changes: readonly [string, (sync: GroupSync) => readonly GroupSync[]][] = [
    ['is synced anew', (sync) => [{ ...sync, status: 'pending' }]],
    ['was synced anew', (sync) => [other(sync)]],
    ['has other positions', (sync) => [moved(sync)]],
    ['was taken back', () => []],
  ]

  test.each(changes)('nothing is written where the group %s since the look', async (_, now) => {
    const { written } = await lookedAt([5.3], { meanwhile: now })
    expect(written).toEqual([])
    expect((await lookedAt([5.3])).written).toEqual([5.3])
  })

  test.each(changes)('it is told where the group %s right behind that', async (_, now) => {
    const meanwhile = (sync: GroupSync, isCommitted: boolean) => (isCommitted ? now(sync) : [sync])
    const { said } = await lookedAt([5.3], { meanwhile })
    expect(said).toEqual([expect.stringMatching(/renewed while an apply .* `ferry verify`/)])
  })
})

test('a part that was written again is renewed with the rest, also by a process that had seen it gone', async () => {
  let isGone = true
  const commits = () => (isGone ? undefined : { offset: 5n, metadata: 'noted' })
  const { written } = await lookedAt([5.3, 5.4], {
    commits,
    keys: (day) => {
      isGone = day < 5.4
      return day < 5.4 ? [KEY] : [KEY, ADDED]
    },
  })
  expect(written).toEqual([5.4])
})
