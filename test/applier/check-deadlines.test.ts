import { expect, test } from 'vitest'
import { passedDeadlines } from '../../src/applier/check-deadlines.ts'
import type { GroupId, PartitionKey } from '../../src/domain/ids.ts'
import type { Deadline } from '../../src/domain/plan.ts'
import { fullState } from '../state/samples.ts'

/** Which passed deadlines matter; what brokers answer is made up here. */

const KEY = 'orders.events:0' as PartitionKey
const GROUP = 'orders-api' as GroupId
const AT = '2026-11-25T12:00:00.000Z'

const check = (
  about: Deadline['about'],
  parts: {
    readonly now?: string
    readonly mirrored?: bigint
    readonly sealed?: boolean
    readonly synced?: boolean
    readonly there?: boolean
  },
) => {
  const mark = { ...fullState(1).marks[0]!, mode: 'dense', sourceStart: 100n, targetStart: 0n }
  const seal = { topic: 'orders.events', partition: 0, sourceEnd: 900n, targetEnd: 800n, at: AT }
  const sync = { group: GROUP, status: 'done', at: AT, positions: new Map([[KEY, { target: 5n }]]) }
  const state = {
    ...fullState(1),
    marks: [mark],
    seals: parts.sealed ? [seal] : [],
    syncs: parts.synced ? [sync] : [],
  }
  const side = (name: string, ends: Record<string, bigint>) => ({
    name,
    listOffsets: async (partitions: readonly unknown[], at: string) => ({
      ok: new Map(partitions.map(() => [KEY, ends[at]!])),
      failed: new Map(),
    }),
    fetchCommits: async () => ({
      ok: new Map([[GROUP, new Map(parts.there ? [[KEY, { offset: 5n }]] : [])]]),
      failed: new Map(),
    }),
  })
  const end = (parts.mirrored ?? 100n) - 100n
  return passedDeadlines([{ at: AT, says: 'retention is near', ...(about && { about }) }], {
    clusters: {
      source: side('old', { earliest: 100n, latest: 900n, stable: 900n }),
      target: side('new', { earliest: 0n, latest: end, stable: end }),
    },
    store: { readProgress: async () => new Map() },
    migration: { name: 'orders' },
    state: () => state,
    now: () => new Date(parts.now ?? '2026-11-25T12:00:01.000Z'),
  } as never).then((problems) => problems.map(({ code, detail }) => `${code} ${detail}`))
}

const PASSED = [`FERRY1412 ${AT} has passed: retention is near.`]
const retention = { kind: 'source-retention', partition: KEY, offset: '300' } as const

test('one that has not come, or that is only told, stops nothing', async () => {
  expect(await check(retention, { now: '2026-11-25T11:59:59.000Z' })).toEqual([])
  expect(await check(undefined, {})).toEqual([])
})

test('retention matters until what it was about is copied, or the topic sealed', async () => {
  expect(await check(retention, { mirrored: 300n })).toEqual(PASSED)
  expect(await check(retention, { mirrored: 301n })).toEqual([])
  expect(await check(retention, { mirrored: 900n, sealed: true })).toEqual([])
})

test('positions on the source matter until the group is synced, and only if they are gone', async () => {
  const about = { kind: 'source-commits', group: GROUP } as const
  expect(await check(about, {})).toEqual(PASSED)
  expect(await check(about, { there: true })).toEqual([])
  expect(await check(about, { synced: true })).toEqual([])
})

test('positions on the target matter if they are gone; renewed ones are not', async () => {
  const about = { kind: 'target-commits', group: GROUP } as const
  expect(await check(about, { synced: true })).toEqual(PASSED)
  expect(await check(about, { synced: true, there: true })).toEqual([])
})
