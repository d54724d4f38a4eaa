import { expect, it } from 'vitest'
import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import type { Receipt } from '../../src/domain/receipt.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import type { Retire } from '../../src/domain/step.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { skippedTo, writeReceipt } from '../../src/steps/write-receipt.ts'

/** What a receipt says of who, by which plan, and of groups. What it says of records is for `test/scenarios/receipt.test.ts`, on brokers. */

const TOPIC = 'orders' as TopicName
const API = 'api' as GroupId
const NOW = new Date('2026-11-26T12:00:00.000Z')
const BY = { user: 'anna', host: 'release-7', toolVersion: '1.2.3' }
const PLAN = 'ab'.repeat(32)

const commit = (offset: bigint) => ({ offset, metadata: '', leaderEpoch: -1 })
const position = (source: bigint, target: bigint, more: object = {}) => ({
  source,
  target,
  previous: null,
  proof: 'record',
  ...more,
})
const sync = (group: string, positions: Readonly<Record<string, object>>) => ({
  group,
  status: 'done',
  at: '2026-11-20T12:00:00.000Z',
  positions: new Map(Object.entries(positions)),
})

/** No partition was marked, so nothing is read of records. */
const receiptOf = async (
  state: object,
  { groups = [API], commits = {} as Readonly<Record<string, bigint>> } = {},
) => {
  let kept = {
    ...emptyState('orders', 'lineage'),
    plan: { digest: PLAN, status: 'running' },
    ...state,
  } as unknown as MigrationState
  const ok = (entries: readonly (readonly [string, unknown])[] = []) => ({
    ok: new Map(entries),
    failed: new Map(),
  })
  const side = (name: string) => ({
    name,
    id: `id-of-${name}`,
    listOffsets: async () => ok(),
    describeTopics: async () => ok(),
    supports: () => 1,
    describeTopicConfigs: async () => ok(),
  })
  const run = {
    migration: { name: 'orders' },
    clusters: {
      source: side('old'),
      target: {
        ...side('new'),
        lookAtCommits: async () =>
          ok([
            [
              API,
              {
                commits: new Map(
                  Object.entries(commits).map(([key, offset]) => [key, commit(offset)] as const),
                ),
              },
            ],
          ]),
      },
    },
    store: { readProgress: async () => new Map() },
    state: () => kept,
    decide: async (change: (state: MigrationState) => MigrationState) => {
      kept = change(kept)
    },
    report: () => {},
    now: () => NOW,
    by: BY,
    signal: new AbortController().signal,
  } as unknown as Run
  const step = { kind: 'retire', topics: [TOPIC], groups } as unknown as Retire
  const receipt = (await writeReceipt(step, run)) as Receipt
  return { receipt, kept: () => kept, again: () => writeReceipt(step, run) }
}

it('names the plan that ended the migration, who applied it, when, and both clusters', async () => {
  const { receipt, kept, again } = await receiptOf({})
  expect(receipt).toMatchObject({
    migration: 'orders',
    lineage: 'lineage',
    plan: PLAN,
    by: BY,
    at: NOW.toISOString(),
    clusters: {
      source: { name: 'old', id: 'id-of-old' },
      target: { name: 'new', id: 'id-of-new' },
    },
  })
  expect(kept().receipt).toEqual(receipt)
  // The same plan, going on after a crash, has written it already; another one writes its own.
  expect(await again()).toBe(kept().receipt)
  const other = await receiptOf({ receipt, plan: { digest: 'cd'.repeat(32), status: 'running' } })
  expect(other.receipt.plan).toBe('cd'.repeat(32))
})

it('holds where each group was on both sides before, what was written, and where it was in the end', async () => {
  const key = (partition: number) => `orders:${partition}` as PartitionKey
  const { receipt } = await receiptOf(
    {
      syncs: [
        sync('api', {
          [key(1)]: position(300n, 290n, { proof: 'boundary' }),
          [key(0)]: position(120n, 110n, { previous: commit(40n) }),
          // Taken back from where it stood on the target.
          [key(2)]: position(70n, 60n, { rewoundFrom: 95n, previous: commit(80n) }),
          'payments:0': position(1n, 1n),
        }),
        sync('of-another', { [key(0)]: position(5n, 5n) }),
      ],
    },
    { commits: { [key(0)]: 215n, [key(1)]: 290n } },
  )
  expect(receipt.groups).toEqual([
    {
      group: 'api',
      at: '2026-11-20T12:00:00.000Z',
      positions: [
        // It has read on since.
        { ...at(0), source: 120, targetBefore: 40, target: 110, proof: 'record', atRetire: 215 },
        {
          ...at(1),
          source: 300,
          targetBefore: null,
          target: 290,
          proof: 'boundary',
          atRetire: 290,
        },
        // Its position there is gone by now.
        { ...at(2), source: 95, targetBefore: 80, target: 60, proof: 'record', atRetire: null },
      ],
    },
  ])
})

it('counts what a group had not read before the mark', () => {
  const mark = { sourceStart: 310n as SourceOffset }
  expect(skippedTo(mark, 300n)).toEqual({ skipped: 10 })
  expect(skippedTo(mark, 310n)).toEqual({})
  expect(skippedTo(undefined, 300n)).toEqual({})
})

const at = (partition: number) => ({ topic: TOPIC, partition })

it('lists what was salvaged, and nothing that a salvage has begun and not brought to its end', async () => {
  const salvage = (partition: number, status: string) => ({
    ...at(partition),
    from: 500n,
    to: 503n,
    status,
    at: '2026-11-21T12:00:00.000Z',
  })
  const { receipt } = await receiptOf({ salvages: [salvage(0, 'pending'), salvage(1, 'done')] })
  expect(receipt.salvaged).toEqual([
    { ...at(1), from: 500, to: 503, at: '2026-11-21T12:00:00.000Z' },
  ])
})
