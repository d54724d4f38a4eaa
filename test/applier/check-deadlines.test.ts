import { expect, test } from 'vitest'
import { passedDeadlines } from '../../src/applier/check-deadlines.ts'
import type { GroupId, PartitionKey, TopicName } from '../../src/domain/ids.ts'
import type { Deadline } from '../../src/domain/plan.ts'
import { NO_REVERSE } from '../../src/domain/state.ts'
import { fullState } from '../state/samples.ts'

/** Which passed deadlines matter, kind by kind; what brokers answer is made up here. */

const KEY = 'orders.events:0' as PartitionKey
const GROUP = 'orders-api' as GroupId
const AT = '2026-11-25T12:00:00.000Z'
const BEFORE = '2026-11-25T11:59:59.000Z'

interface Parts {
  readonly now?: string
  /** Source offset up to which the target holds the copy; the mark is at 100. */
  readonly mirrored?: bigint
  readonly sealed?: boolean
  readonly synced?: boolean
  /** Where the group stands, on whichever side is asked. */
  readonly committed?: bigint
  /** The target's log start; the mark is at 0. */
  readonly targetStart?: bigint
  /** Up to where the way back, from 800 on, has come on the source, which ends at 900 and more. */
  readonly back?: bigint
  readonly backSealed?: boolean
  readonly cleanup?: string
  /** Of the target now. */
  readonly retentionMs?: string
}

const sides = ({ back, mirrored = 100n, targetStart = 0n }: Parts) => {
  const targetEnd = back === undefined ? mirrored - 100n : 1_000n
  const sourceEnd = back === undefined ? 900n : 900n + back - 800n
  return {
    source: { earliest: 100n, latest: sourceEnd, stable: sourceEnd },
    target: { earliest: targetStart, latest: targetEnd, stable: targetEnd },
  }
}

const stateOf = ({ sealed, synced, back, backSealed }: Parts) => {
  const [known] = fullState(1).marks
  const mark = { ...known!, mode: 'dense', sourceStart: 100n, targetStart: 0n }
  const seal = { topic: 'orders.events', partition: 0, sourceEnd: 900n, targetEnd: 800n, at: AT }
  const backMark = { ...mark, sourceStart: 800n, targetStart: 900n }
  const backSeal = { ...seal, sourceEnd: 1_000n, targetEnd: 1_100n }
  const sync = { group: GROUP, status: 'done', at: AT, positions: new Map([[KEY, { target: 5n }]]) }
  return {
    ...fullState(1),
    salvages: [],
    lost: [],
    marks: [mark],
    seals: sealed || back !== undefined ? [seal] : [],
    syncs: synced ? [sync] : [],
    reverse:
      back === undefined ? NO_REVERSE : { marks: [backMark], seals: backSealed ? [backSeal] : [] },
  }
}

const check = async (about: Deadline['about'], parts: Parts) => {
  const state = stateOf(parts)
  const ends = sides(parts)
  const side = (name: 'source' | 'target') => ({
    name,
    listOffsets: async (partitions: readonly unknown[], at: 'earliest' | 'latest' | 'stable') => ({
      ok: new Map(partitions.map(() => [KEY, ends[name][at]])),
      failed: new Map(),
    }),
    describeTopicConfigs: async (topics: readonly TopicName[]) => ({
      ok: new Map([
        [
          topics[0],
          new Map([
            ['cleanup.policy', { value: parts.cleanup }],
            ['retention.ms', { value: parts.retentionMs ?? '3600000' }],
          ]),
        ],
      ]),
      failed: new Map(),
    }),
    lookAtCommits: async () => ({
      ok: new Map([
        [
          GROUP,
          {
            commits: new Map(
              parts.committed === undefined ? [] : [[KEY, { offset: parts.committed }]],
            ),
          },
        ],
      ]),
      failed: new Map(),
    }),
  })
  const problems = await passedDeadlines([{ at: AT, says: 'it is too late', about }], {
    clusters: { source: side('source'), target: side('target') },
    store: { readProgress: async () => new Map() },
    migration: { name: 'orders' },
    state: () => state,
    now: () => new Date(parts.now ?? '2026-11-25T12:00:01.000Z'),
  } as never)
  return problems.map(({ code, detail }) => `${code} ${detail}`)
}

const KINDS: Readonly<
  Record<
    Deadline['about']['kind'],
    {
      readonly about: Deadline['about']
      /** Something is lost: apply refuses. */
      readonly lost: Parts
      /** What it was about is safe, or there still. */
      readonly moot: Readonly<Record<string, Parts>>
    }
  >
> = {
  'source-retention': {
    about: { kind: 'source-retention', partition: KEY, offset: '300' },
    lost: { mirrored: 300n },
    moot: {
      'it was copied': { mirrored: 301n },
      'its topic was sealed': { mirrored: 900n, sealed: true },
    },
  },
  'back-retention': {
    about: { kind: 'back-retention', partition: KEY, offset: '850', retentionMs: '3600000' },
    lost: { back: 850n },
    moot: {
      'the target keeps it for longer now': {
        back: 850n,
        targetStart: 850n,
        retentionMs: '3600001',
      },
      'the target keeps everything now, and nothing is marked': { sealed: true, retentionMs: '-1' },
      'it was mirrored back': { back: 851n },
      'its way back was sealed': { back: 820n, backSealed: true },
    },
  },
  'target-retention': {
    about: { kind: 'target-retention', partition: KEY, group: GROUP },
    lost: { sealed: true, mirrored: 900n, committed: 300n, targetStart: 201n },
    moot: {
      'it is still there': { sealed: true, mirrored: 900n, committed: 300n, targetStart: 200n },
      'the group has read it on the source': {
        sealed: true,
        mirrored: 900n,
        committed: 301n,
        targetStart: 201n,
      },
      'the group was synced': {
        sealed: true,
        mirrored: 900n,
        committed: 300n,
        targetStart: 201n,
        synced: true,
      },
    },
  },
  'source-commits': {
    about: { kind: 'source-commits', group: GROUP },
    lost: {},
    moot: { 'they are still there': { committed: 5n }, 'the group was synced': { synced: true } },
  },
  'target-commits': {
    about: { kind: 'target-commits', group: GROUP },
    lost: { synced: true },
    moot: { 'they were renewed': { synced: true, committed: 5n } },
  },
  tombstones: {
    about: { kind: 'tombstones', topic: 'orders.events' as TopicName },
    lost: { cleanup: 'compact,delete' },
    moot: { 'no cleaner is at work any more': { cleanup: 'delete' } },
  },
}

const rows = Object.entries(KINDS).map(([kind, row]) => [kind, row] as const)

test.each(rows)('%s: after it apply refuses, before it it does not', async (_, { about, lost }) => {
  expect(await check(about, lost)).toEqual([`FERRY1412 ${AT} has passed: it is too late.`])
  expect(await check(about, { ...lost, now: BEFORE })).toEqual([])
})

test('back-retention: what is gone is lost, however long the target keeps the rest by now, marked or not', async () => {
  const { about } = KINDS['back-retention']
  for (const parts of [{ back: 850n }, { sealed: true }]) {
    const protectedNow = { ...parts, retentionMs: '-1', targetStart: 851n }
    expect(await check(about, protectedNow)).toEqual([
      `FERRY1412 ${AT} has passed: it is too late.`,
    ])
  }
  expect(await check(about, { sealed: true })).toHaveLength(1)
})

const moot = rows.flatMap(([kind, { about, moot }]) =>
  Object.entries(moot).map(([why, parts]) => [kind, why, about, parts] as const),
)
test.each(moot)('%s: it is moot where %s', async (_kind, _why, about, parts) => {
  expect(await check(about, parts)).toEqual([])
})
