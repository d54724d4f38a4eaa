import { describe, expect, it } from 'vitest'
import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import { type GroupSync, oldestWrite, takesBack } from '../../src/domain/moved-groups.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { SyncedPosition, SyncGroup } from '../../src/domain/step.ts'
import { groupsAreSynced } from '../../src/steps/gates/index.ts'
import { movedTo } from '../../src/steps/return-positions.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { syncGroup } from '../../src/steps/sync-group.ts'
import { AT, migration, stateWith } from '../planner/_build.ts'
import { mark } from '../planner/_moved.ts'

/**
 * A partition that came since its group was synced, and a run that dies or stops at any decision. What stands in for the brokers keeps commits
 * and nothing else; of the partition nothing is mirrored yet, so that no record is read. On brokers: sync-group.test.ts.
 */

const [OLD, NEW] = ['orders:0', 'orders:1'] as PartitionKey[] as [PartitionKey, PartitionKey]
const GROUP = 'api' as GroupId
const position = (source: bigint, target: bigint) => ({
  source: source as SourceOffset,
  target,
  previous: null,
  metadata: '',
  proof: 'record' as const,
})
const NOW = '2030-01-01T00:00:00.000Z'
const SYNC: GroupSync = {
  group: GROUP,
  status: 'done',
  at: AT,
  positions: new Map([[OLD, position(600n, 500n)]]),
}
const step = {
  kind: 'sync-group',
  id: 'sync-group/api/new',
  group: GROUP,
  topics: ['orders' as TopicName],
  uncommitted: 'absent',
  allowRewind: false,
  onlyNew: true,
  // As it was when the plan was made.
  committed: 1,
  committedIn: { orders: '1' },
} as unknown as SyncGroup

type Offsets = Record<string, bigint>

class Died extends Error {}

const world = (
  here: Offsets,
  there: Offsets,
  before: Partial<GroupSync> = {},
  { startFrom = 'committed' as 'committed' | 'latest', skipped = '60', sourceStart = 100n } = {},
) => {
  let state: MigrationState = stateWith({
    marks: [mark(0, 100n, 0n), mark(1, 100n, 30n)],
    syncs: [{ ...SYNC, ...before }],
  })
  let left = Number.POSITIVE_INFINITY
  let onCommit = () => {}
  const found = (commits: Offsets) =>
    new Map(Object.entries(commits).map(([key, offset]) => [key, { offset, metadata: '' }]))
  const cluster = (name: string, commits: Offsets, ends: Offsets) => ({
    name,
    listOffsets: async (partitions: readonly { topic: string; partition: number }[], at: string) =>
      ({
        ok: new Map(
          partitions.map(({ topic, partition }) => {
            const key = `${topic}:${partition}`
            // What is before the marks was gone when they were made.
            const start = name === 'old' ? sourceStart : 0n
            return [key, at === 'earliest' ? start : ends[key]!]
          }),
        ),
        failed: new Map(),
      }) as never,
    supports: () => 1,
    describeTopicConfigs: async () => ({ ok: new Map(), failed: new Map() }),
    describeGroups: async () => ({
      ok: new Map([[GROUP, { state: 'empty', protocolType: 'consumer', members: [] }]]),
      failed: new Map(),
    }),
    fetchCommits: async () => ({ ok: new Map([[GROUP, found(commits)]]), failed: new Map() }),
    lookAtCommits: async () => ({
      ok: new Map([[GROUP, { commits: found(commits), pending: [] }]]),
      failed: new Map(),
    }),
    commitOffsets: async (_: GroupId, wanted: ReadonlyMap<string, { offset: bigint }>) => {
      for (const [key, { offset }] of wanted) commits[key] = offset
      onCommit()
      return { ok: new Map(), failed: new Map() }
    },
  })
  const run = {
    clusters: {
      source: cluster('old', here, { [OLD]: 1100n, [NEW]: 100n }),
      target: cluster('new', there, { [OLD]: 1000n, [NEW]: 30n }),
    },
    migration: migration({ mirror: { throttle: undefined, startFrom } }),
    store: { readProgress: async () => new Map() },
    state: () => state,
    decide: async (change: (s: MigrationState) => MigrationState) => {
      if (left-- <= 0) throw new Died()
      state = change(state)
    },
    now: () => new Date(NOW),
    signal: new AbortController().signal,
  } as unknown as Run
  return {
    there,
    sync: () => state.syncs[0]!,
    letsIn: async () => {
      const reading = await groupsAreSynced().check(run)
      return reading.holds ? 'yes' : reading.because
    },
    moves: (key: string, offset: bigint) => {
      onCommit = () => {
        here[key] = offset
      }
    },
    /** Dies at the next decision but so many. */
    apply: async (decisions = Number.POSITIVE_INFINITY) => {
      left = decisions
      try {
        const end = await syncGroup.apply({ ...step, ...(skipped && { skipped }) }, run)
        if (end.done) return 'done'
        return 'problem' in end ? `${end.problem.code} ${end.problem.detail}` : 'again'
      } catch (error) {
        if (error instanceof Died) return 'died'
        throw error
      }
    },
  }
}

const DONE = {
  status: 'done',
  positions: new Map<PartitionKey, SyncedPosition>([
    [OLD, position(600n, 500n)],
    [NEW, { ...position(40n, 30n), proof: 'empty', at: NOW }],
  ]),
}

describe('a partition that came since its group was synced', () => {
  it.each([0, 1, 2])('has its position in the end, where a run died at decision %s', async (n) => {
    // Its consumers have read on on the target, and the source's commit of the old one says nothing any more.
    const service = world({ [OLD]: 600n, [NEW]: 40n }, { [OLD]: 777n })
    expect(await service.apply(n)).toBe(n === 2 ? 'done' : 'died')
    expect(service.there).toEqual(n === 0 ? { [OLD]: 777n } : { [OLD]: 777n, [NEW]: 30n })
    // The old one stays synced all the time.
    expect(service.sync()).toMatchObject({ status: 'done' })
    expect(service.sync().positions.get(OLD)).toEqual(position(600n, 500n))
    expect(await service.apply()).toBe('done')
    expect(service.there).toEqual({ [OLD]: 777n, [NEW]: 30n })
    expect(service.sync()).toMatchObject(DONE)
    expect(service.sync().adding).toBeUndefined()
  })

  it.each<[string, readonly PartitionKey[], string]>([
    ['is as old as the oldest', [OLD], AT],
    ['is as old as the first', [], NOW],
  ])('makes nothing of its sync younger: what was synced before %s', async (_, before, oldest) => {
    const positions = new Map(before.map((key) => [key, position(600n, 500n)]))
    const service = world({ [NEW]: 40n }, {}, { positions })
    const returned = { group: GROUP, at: AT, of: service.sync().at }
    expect(await service.apply(1)).toBe('died')
    expect(takesBack(returned, service.sync())).toBe(true)
    expect(await service.apply()).toBe('done')
    expect(oldestWrite(service.sync())).toBe(oldest)
    expect(service.sync().positions.get(NEW)).toMatchObject({ at: NOW })
    // A rollback that had put it back knows it still.
    expect(takesBack(returned, service.sync())).toBe(true)
  })

  it('gets none where it would skip what the source still holds, unless the file wants that and the plan has said so', async () => {
    const ends = async (startFrom: 'committed' | 'latest', skipped: string, sourceStart = 0n) => {
      const given = { startFrom, skipped, sourceStart }
      const service = world({ [OLD]: 600n, [NEW]: 40n }, { [OLD]: 777n }, {}, given)
      return [await service.apply(), service.there[NEW]]
    }
    const refused = [
      expect.stringMatching(
        /^FERRY1356 api has not read 60 records of orders:1 \(offsets 40 to 99\)/,
      ),
      undefined,
    ]
    expect(await ends('committed', '60')).toEqual(refused)
    expect(await ends('latest', '')).toEqual(refused)
    expect(await ends('latest', '60')).toEqual(['done', 30n])
    // One of them is still there.
    expect(await ends('committed', '60', 99n)).toEqual([
      expect.stringMatching(/^FERRY1356 api has not read 1 record of orders:1 /),
      undefined,
    ])
    expect(await ends('committed', '60', 100n)).toEqual(['done', 30n])
  })

  it('gets the new position where the group commits on the source in that moment', async () => {
    const service = world({ [OLD]: 600n, [NEW]: 40n }, { [OLD]: 777n })
    service.moves(NEW, 60n)
    expect(await service.apply()).toMatch(/^FERRY1703 .* from 40 to 60 of orders:1/)
    expect(service.sync().adding?.get(NEW)).toMatchObject({ source: 40n, previous: null })
    // Until then nobody new is let in.
    expect(await service.letsIn()).toBe('api not synced')
    expect(await service.apply()).toBe('done')
    expect(await service.letsIn()).toBe('yes')
    expect(service.sync().positions.get(NEW)).toMatchObject({ source: 60n, target: 30n })
    expect(service.sync().positions.get(OLD)).toEqual(position(600n, 500n))
  })

  it('does not take with it what a run before has left in topics that it does not look at', async () => {
    const elsewhere = ['elsewhere:3' as PartitionKey, position(5n, 5n)] as const
    const left = { adding: new Map([elsewhere]), marked: new Map([['elsewhere' as TopicName, 3]]) }
    const service = world({ [OLD]: 600n, [NEW]: 40n }, { [OLD]: 777n }, left)
    expect(await service.apply()).toBe('done')
    expect(service.sync()).toMatchObject(DONE)
    expect([...service.sync().adding!]).toEqual([elsewhere])
    // Whose partitions are the first ones of which topics.
    expect(Object.fromEntries(service.sync().marked!)).toEqual({ elsewhere: 3, orders: 2 })
    // Of this migration none is missing.
    expect(await service.letsIn()).toBe('yes')
  })

  it('is left where the group has read there, or was synced there and lost it', async () => {
    const service = world({ [OLD]: 600n, [NEW]: 40n }, { [NEW]: 30n })
    expect(await service.apply()).toBe('done')
    expect(service.there).toEqual({ [NEW]: 30n })
    expect(service.sync().positions).toEqual(SYNC.positions)
  })

  it('does not go back to the source by what only an attempt has written', () => {
    const at = (offset: bigint) => ({ offset, metadata: '', leaderEpoch: -1 })
    const adding = { ...SYNC, adding: new Map([[NEW, position(40n, 30n)]]) }
    expect(movedTo(NEW, at(30n), adding)).toBeUndefined()
    expect(movedTo(NEW, at(31n), adding)).toEqual(at(31n))
  })
})
