import { describe, expect, it } from 'vitest'
import type { Mark } from '../../src/domain/mark.ts'
import { recommendOrder } from '../../src/planner/recommend-order.ts'
import {
  group,
  groupSeen,
  migration,
  NOW,
  observed,
  plan,
  stateWith,
  topic,
  topicSeen,
} from './_build.ts'

const HOUR = 3_600_000
const inHours = (hours: number): string => new Date(NOW.getTime() + hours * HOUR).toISOString()

const mark = (parts: Partial<Mark> = {}): Mark =>
  ({
    topic: topic('orders'),
    partition: 0,
    sourceStart: 100n,
    targetStart: 0n,
    mode: 'dense',
    producerId: 1n,
    at: inHours(-10),
    ...parts,
  }) as Mark

/** One partition; its oldest record is an hour old. */
const source = (
  start: bigint,
  end: bigint,
  overrides: Record<string, string>,
  group_ = groupSeen('api', { 'orders:0': 600n }, { members: [MEMBER] }),
) => ({
  topics: new Map([[topic('orders'), topicSeen('orders', [[start, end]], overrides)]]),
  groups: new Map([[group('api'), group_]]),
})
const MEMBER = { memberId: 'm', clientId: 'c', host: '/h' }
const target = (end: bigint) => ({
  topics: new Map([[topic('orders'), topicSeen('orders', [[0n, end]], {})]]),
})
const deadlines = (parts: Parameters<typeof plan>[0]) =>
  plan(parts).deadlines.map(({ at, about }) => `${at} ${about?.kind ?? 'told'}`)

describe('deadlines', () => {
  it('of retention by time: the oldest record that is still to be copied', () => {
    const day = { 'retention.ms': String(24 * HOUR) }
    expect(deadlines({ observed: observed({ source: source(100n, 1100n, day) }) })).toEqual([
      `${inHours(23)} source-retention`,
    ])
    // Half is copied: the first of the rest is half an hour old.
    const half = { observed: observed({ source: source(100n, 1100n, day), target: target(500n) }) }
    expect(deadlines({ ...half, state: stateWith({ marks: [mark()] }) })).toEqual([
      `${inHours(23.5)} source-retention`,
    ])
    const all = { observed: observed({ source: source(100n, 1100n, day), target: target(1000n) }) }
    expect(deadlines({ ...all, state: stateWith({ marks: [mark()] }) })).toEqual([])
  })

  it('of retention by size: what the log start did since the mark', () => {
    // 1,000 offsets in ten hours; 500 are between it and what is to be copied.
    const size = { 'retention.ms': '-1', 'retention.bytes': '1000000' }
    const seen = observed({ source: source(1100n, 5100n, size), target: target(1500n) })
    expect(deadlines({ observed: seen, state: stateWith({ marks: [mark()] }) })).toEqual([
      `${inHours(5)} source-retention`,
    ])
    // A log start that stood still foretells nothing.
    const still = observed({ source: source(100n, 5100n, size), target: target(1500n) })
    expect(deadlines({ observed: still, state: stateWith({ marks: [mark()] }) })).toEqual([])
  })

  it('of positions on both sides, while nobody holds them', () => {
    const forever = { 'retention.ms': '-1' }
    const idle = groupSeen('api', { 'orders:0': 600n }, { state: 'empty' })
    const seen = { source: source(100n, 1100n, forever, idle) }
    expect(deadlines({ observed: observed(seen) })).toEqual([`${inHours(7 * 24)} source-commits`])
    const sync = {
      group: group('api'),
      status: 'done' as const,
      at: inHours(-24),
      positions: new Map([['orders:0', { target: 500n }]]) as never,
    }
    expect(deadlines({ observed: observed(seen), state: stateWith({ syncs: [sync] }) })).toEqual([
      `${inHours(6 * 24)} target-commits`,
    ])
    const there = { groups: new Map([[group('api'), groupSeen('api', {}, { members: [MEMBER] })]]) }
    expect(
      deadlines({
        observed: observed({ ...seen, target: there }),
        state: stateWith({ syncs: [sync] }),
      }),
    ).toEqual([])
  })
})

describe('the order that is recommended', () => {
  const advice = (parts: Parameters<typeof plan>[0] = {}) =>
    recommendOrder({
      desired: migration(),
      observed: observed(),
      state: stateWith({}),
      now: NOW,
      progress: new Map(),
      readers: new Map(),
      ...parts,
    })

  it('is consumers-first where the mirror keeps up', () => {
    expect(advice()).toMatchObject({ order: 'consumers-first' })
  })

  it('is producers-first where the source is written faster than it is mirrored, and the plan says so', () => {
    const slow = migration({ mirror: { throttle: 20, startFrom: 'earliest' } })
    expect(advice({ desired: slow })).toMatchObject({
      order: 'producers-first',
      because: expect.stringContaining('fall behind'),
    })
    expect(plan({ desired: slow }).problems.map(({ code }) => code)).toContain('FERRY1341')
  })

  it('is consumers-first where unread records expire soon, and producers-first is warned of', () => {
    const expiring = observed({ source: source(100n, 1100n, { 'retention.ms': String(2 * HOUR) }) })
    expect(advice({ observed: expiring })).toMatchObject({
      order: 'consumers-first',
      because: expect.stringContaining('api is 500 records behind on orders-0'),
    })
    const desired = migration({ order: 'producers-first' })
    const codes = (seen: typeof expiring) =>
      plan({ desired, observed: seen }).problems.map((p) => p.code)
    expect(codes(expiring)).toContain('FERRY1341')
    const week = observed({ source: source(100n, 1100n, { 'retention.ms': String(168 * HOUR) }) })
    expect(codes(week)).not.toContain('FERRY1341')
  })
})

describe('what a plan says about moving', () => {
  const findings = (parts: Parameters<typeof plan>[0]) =>
    plan(parts).problems.map(({ code, severity, detail }) => `${severity} ${code} ${detail}`)

  it('partitions without a commit, and what auto.offset.reset makes of them', () => {
    const two = observed({
      source: {
        topics: new Map([
          [
            topic('orders'),
            topicSeen('orders', [
              [0n, 10n],
              [5n, 25n],
            ]),
          ],
        ]),
      },
    })
    expect(findings({ observed: two })).toContainEqual(
      expect.stringMatching(
        /^warning FERRY1340 api has no position in orders-1 on old, .*earliest reads all 20 records of them, latest none/,
      ),
    )
    const said = migration({ groups: [{ ...migration().groups[0]!, uncommittedSaid: true }] })
    expect(findings({ observed: two, desired: said }).join()).not.toContain('FERRY1340')
  })

  it('what startFrom leaves out, and who has not read it', () => {
    const latest = migration({ mirror: { throttle: undefined, startFrom: 'latest' } })
    expect(findings({ desired: latest })).toContainEqual(
      expect.stringMatching(
        /^warning FERRY1349 .*begins at the end of the log.*api \(500 records behind now\)/,
      ),
    )
    const nobody = migration({
      groups: [],
      mirror: { throttle: undefined, startFrom: 'committed' },
    })
    expect(findings({ desired: nobody })).toContainEqual(expect.stringMatching(/^error FERRY1350/))
  })
})
