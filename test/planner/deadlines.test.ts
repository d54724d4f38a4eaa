import { describe, expect, it } from 'vitest'
import type { PartitionKey } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
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
  plan(parts).deadlines.map(({ at, about }) => `${at} ${about.kind}`)

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

  it('of no retention where a topic is only compacted: nothing of it is deleted by time or size', () => {
    const policies = (policy: string) =>
      deadlines({
        observed: observed({
          source: source(200n, 1100n, {
            'cleanup.policy': policy,
            'retention.ms': String(24 * HOUR),
            'retention.bytes': '1000000',
          }),
          target: target(500n),
        }),
        state: stateWith({ marks: [mark()] }),
      })
    expect(policies('compact')).toEqual([])
    expect(policies('compact,delete')).not.toEqual([])
    expect(policies('delete')).not.toEqual([])
  })

  it('none of what is past its retention already, which is warned of: it may go at any moment', () => {
    // The oldest record is an hour old; half of the rest was written in the last quarter of an hour.
    const overdue = (copied: bigint, keeps: number) =>
      plan({
        observed: observed({
          source: source(100n, 1100n, { 'retention.ms': String(keeps) }),
          target: target(copied),
        }),
        state: stateWith({ marks: [mark()] }),
      })
    const warned = (...given: Parameters<typeof overdue>) =>
      overdue(...given)
        .problems.filter(({ code }) => code === 'FERRY1368')
        .map(({ severity, detail }) => `${severity} ${detail}`)
    expect(overdue(0n, HOUR / 2).deadlines.map(({ about }) => about.kind)).not.toContain(
      'source-retention',
    )
    expect(warned(0n, HOUR / 2)).toEqual([
      'warning Records that are still to be copied are past their retention.ms on old, and may go at any moment: orders-0 from offset 100 on.',
    ])
    expect(warned(250n, HOUR / 2)).toEqual([expect.stringContaining('orders-0 from offset 350 on')])
    // To the moment.
    expect([warned(0n, HOUR).length, warned(0n, HOUR + 1).length]).toEqual([1, 0])
    // Copied up to what is young enough, or not marked yet: what is gone by then is not missed.
    expect(warned(750n, HOUR / 2)).toEqual([])
    const unmarked = plan({
      observed: observed({ source: source(100n, 1100n, { 'retention.ms': String(HOUR / 2) }) }),
    })
    expect(unmarked.problems.map(({ code }) => code)).not.toContain('FERRY1368')
  })

  it('counts gaps by what the mirror has stored, but not of another mark: a copy that is complete has none', () => {
    // A thousand offsets, of which 300 are records.
    const sparse = (mirroredTo: bigint, producerId = 1n) => {
      const { deadlines: found, problems } = plan({
        observed: observed({
          source: source(100n, 1100n, { 'retention.ms': String(HOUR / 2) }),
          target: target(300n),
        }),
        state: stateWith({ marks: [mark()] }),
        progress: new Map([
          [
            'orders:0' as PartitionKey,
            { producerId, mirroredTo, at: inHours(0) } as PartitionProgress,
          ],
        ]),
      })
      return [
        ...found.flatMap(({ about }) => (about.kind === 'source-retention' ? [about.offset] : [])),
        ...problems.flatMap(({ code, detail }) => (code === 'FERRY1368' ? [detail] : [])),
      ]
    }
    expect(sparse(1100n)).toEqual([])
    expect(sparse(500n)).toContainEqual(expect.stringContaining('orders-0 from offset 500 on'))
    // What came since it was stored, and what an older mark had.
    expect(sparse(350n)).toContainEqual(expect.stringContaining('orders-0 from offset 400 on'))
    expect(sparse(1100n, 9n)).toContainEqual(expect.stringContaining('orders-0 from offset 400 on'))
  })

  it('of retention by time, in a batch of old and new records: none of it goes before the newest', () => {
    const day = { 'retention.ms': String(24 * HOUR) }
    const oldest = { firstTimestamp: NOW.getTime() - 2 * HOUR, headTimestamp: NOW.getTime() - HOUR }
    const topics = new Map([[topic('orders'), topicSeen('orders', [[0n, 1000n, oldest]], day)]])
    const at = (copied: bigint) =>
      deadlines({
        observed: observed({
          source: { ...source(0n, 1n, {}), topics },
          target: target(copied),
        }),
        state: stateWith({ marks: [mark({ sourceStart: 0n as never })] }),
      })
    // The first record is two hours old, the first batch one; a quarter on they come evenly: one and a half, and a half.
    expect([at(0n), at(250n), at(750n)]).toEqual(
      [23, 23, 23.5].map((hours) => [`${inHours(hours)} source-retention`]),
    )
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

  it('of retention where the mirror runs, but slower', () => {
    // Ten hours old, 1,000 offsets an hour, kept for eleven; the mirror has made 100 an hour for five.
    const kept = { 'retention.ms': String(11 * HOUR) }
    const written = { headTimestamp: NOW.getTime() - 10 * HOUR }
    const topics = new Map([[topic('orders'), topicSeen('orders', [[0n, 10_000n, written]], kept)]])
    const seen = observed({ source: { ...source(0n, 1n, {}), topics }, target: target(500n) })
    const at = (hourly: number) => {
      const progress = {
        producerId: 1n,
        mirroredTo: BigInt(hourly * 5),
        at: NOW.toISOString(),
      } as PartitionProgress
      return plan({
        observed: seen,
        state: stateWith({ marks: [mark({ sourceStart: 0n as never, at: inHours(-5) })] }),
        progress: new Map([['orders:0' as PartitionKey, progress]]),
      })
    }
    const slow = at(100)
    // It goes from 500 on, 500 + 100 h; retention from 0, an hour from now, 1,000 (h - 1): they meet at 667.
    expect(
      slow.deadlines.map(({ at, about }) => [at, about.kind, 'offset' in about && about.offset]),
    ).toEqual([
      [inHours(1.5), 'source-retention', '500'],
      [new Date(NOW.getTime() + (1500 / 900) * HOUR).toISOString(), 'source-retention', '666'],
    ])
    expect(slow.deadlines[1]?.says).toBe(
      'retention of orders-0 on old overtakes the mirror: it has copied 100 records an hour since its mark, retention takes 1,000 records an hour',
    )
    expect(slow.problems.map(({ code, severity }) => `${severity} ${code}`)).toContain(
      'warning FERRY1365',
    )
    // As quick as records came, but for what averages do not tell.
    for (const hourly of [910, 1_900]) {
      expect(at(hourly).deadlines).toHaveLength(1)
      expect(at(hourly).problems.map(({ code }) => code)).not.toContain('FERRY1365')
    }
  })

  it('of retention by size where the mirror runs, but slower; and before the mark, by what a mirror does at least', () => {
    const size = { 'retention.ms': '-1', 'retention.bytes': '1000000' }
    const seen = observed({ source: source(1100n, 5100n, size), target: target(1500n) })
    const progress = { producerId: 1n, mirroredTo: 600n, at: NOW.toISOString() }
    const racing = plan({
      observed: seen,
      state: stateWith({ marks: [mark()] }),
      progress: new Map([['orders:0' as PartitionKey, progress as PartitionProgress]]),
    })
    // 100 an hour are taken, 50 copied, 500 between.
    expect(racing.deadlines.map(({ at }) => at)).toEqual([inHours(5), inHours(10)])

    const kept = { 'retention.ms': String(2 * HOUR) }
    const before = observed({ source: source(0n, 36_000n, kept) })
    const throttled = (throttle: number) =>
      plan({
        observed: before,
        desired: migration({ mirror: { throttle, startFrom: 'earliest' } }),
      }).problems.map(({ code, detail }) => `${code} ${detail}`)
    // An hour of 1 KB/s.
    expect(throttled(500)).toContainEqual(
      expect.stringMatching(/^FERRY1365 .*it will copy 18,000 records an hour, retention takes/),
    )
    expect(throttled(1000).join()).not.toContain('FERRY1365')
  })

  it("of what is still to be mirrored back, by the target's retention", () => {
    const state = stateWith({
      marks: [mark()],
      seals: [
        {
          topic: topic('orders'),
          partition: 0,
          sourceEnd: 1100n as never,
          targetEnd: 1000n as never,
          at: inHours(-10),
        },
      ],
      reverse: { marks: [mark({ sourceStart: 1000n as never, producerId: 2n })], seals: [] },
    })
    const kept = { 'retention.ms': String(24 * HOUR) }
    const there = new Map([[topic('orders'), topicSeen('orders', [[0n, 2000n]], kept)]])
    const seen = observed({
      source: source(100n, 1100n, { 'retention.ms': '-1' }),
      target: { topics: there },
    })
    const back = (mirroredTo: bigint, producerId = 2n) =>
      plan({
        observed: seen,
        state,
        backProgress: new Map([
          ['orders:0' as PartitionKey, { producerId, mirroredTo } as PartitionProgress],
        ]),
      }).deadlines.map(({ at, about }) => `${at} ${JSON.stringify(about)}`)
    const about = (offset: number) =>
      JSON.stringify({
        kind: 'back-retention',
        partition: 'orders:0',
        offset: String(offset),
        retentionMs: String(24 * HOUR),
      })
    // A thousand records came in the ten hours since the seal; half of them are on the source.
    expect(back(1500n)).toEqual([`${inHours(-5 + 24)} ${about(1500)}`])
    expect(back(1500n, 1n)).toEqual([`${inHours(-10 + 24)} ${about(1000)}`])
    expect(back(2000n)).toEqual([])
  })

  describe("of what a group has still to read, by the target's retention, once producers have moved first", () => {
    const desired = migration({ order: 'producers-first', stage: 'consumers-moved' })
    const sealedAt = (topics = ['orders']) =>
      stateWith({
        stage: 'producers-moved',
        marks: [mark()],
        seals: topics.map((name) => ({
          topic: topic(name),
          partition: 0,
          sourceEnd: 1100n as never,
          targetEnd: 1000n as never,
          at: inHours(-1),
        })),
      })
    /** The source has a thousand records of the last hour, and keeps them for ever; the target has all of them. */
    const seen = (
      commits: Readonly<Record<string, bigint>>,
      retention: Readonly<Record<string, string>>,
      id = 'api',
    ) =>
      observed({
        source: source(
          100n,
          1100n,
          { 'retention.ms': '-1' },
          groupSeen(id, commits, { members: [MEMBER] }),
        ),
        target: {
          topics: new Map([[topic('orders'), topicSeen('orders', [[0n, 1000n]], retention)]]),
        },
      })
    const day = { 'retention.ms': String(24 * HOUR) }
    const found = (parts: Parameters<typeof plan>[0]) =>
      plan({ desired, state: sealedAt(), ...parts }).deadlines.filter(
        ({ about }) => about.kind === 'target-retention',
      )

    it('counts from the age of its next record', () => {
      expect(found({ observed: seen({ 'orders:0': 600n }, day) })).toEqual([
        {
          at: inHours(23.5),
          says: 'retention of orders-0 on new reaches what api has still to read',
          about: { kind: 'target-retention', group: 'api', partition: 'orders:0' },
        },
      ])
      // From the first record on, and nothing to foretell once it is past.
      expect(found({ observed: seen({ 'orders:0': 100n }, day) })).toMatchObject([
        { at: inHours(23) },
      ])
      const short = { 'retention.ms': String(HOUR / 2) }
      expect(found({ observed: seen({ 'orders:0': 600n }, short) })).toEqual([])
    })

    it('names the group whose next record goes first', () => {
      const groups = ['api', 'audit'].map((id) => ({ ...migration().groups[0]!, id: group(id) }))
      const { source: there, ...rest } = seen({ 'orders:0': 600n }, day)
      const both = new Map([
        ...there.groups,
        [group('audit'), groupSeen('audit', { 'orders:0': 350n }, { members: [MEMBER] })] as const,
      ])
      expect(
        found({
          desired: { ...desired, groups },
          observed: { ...rest, source: { ...there, groups: both } },
        }),
      ).toMatchObject([{ at: inHours(23.25), about: { group: 'audit' } }])
    })

    it.each([
      ['has read all', { observed: seen({ 'orders:0': 1100n }, day) }],
      ['has no position', { observed: seen({}, day) }],
      ['keeps for ever', { observed: seen({ 'orders:0': 600n }, { 'retention.ms': '-1' }) }],
      [
        'is not sealed, so that it keeps a day longer than the source',
        { observed: seen({ 'orders:0': 600n }, day), state: sealedAt([]) },
      ],
      [
        'moves consumers first',
        {
          observed: seen({ 'orders:0': 600n }, day),
          desired: migration({ stage: 'producers-moved' }),
        },
      ],
      [
        'has moved already',
        {
          observed: seen({ 'orders:0': 600n }, day),
          state: {
            ...sealedAt(),
            syncs: [
              { group: group('api'), status: 'done', at: inHours(-1), positions: new Map() },
            ] as never,
          },
        },
      ],
    ] satisfies readonly (readonly [string, Parameters<typeof plan>[0]])[])(
      'is none where it %s',
      (_, parts) => {
        expect(found(parts)).toEqual([])
      },
    )
  })

  it('of positions on both sides, while nobody holds them', () => {
    const forever = { 'retention.ms': '-1' }
    const idle = groupSeen('api', { 'orders:0': 600n }, { state: 'empty' })
    const seen = { source: source(100n, 1100n, forever, idle) }
    expect(plan({ observed: observed(seen) }).deadlines).toEqual([
      {
        at: inHours(7 * 24),
        says: 'the positions of api on old, which has no members now, are gone by then at the latest',
        about: { kind: 'source-commits', group: 'api' },
      },
    ])
    const sync = {
      group: group('api'),
      status: 'done' as const,
      at: inHours(-24),
      positions: new Map([['orders:0', { target: 500n }]]) as never,
    }
    expect(deadlines({ observed: observed(seen), state: stateWith({ syncs: [sync] }) })).toEqual([
      `${inHours(6 * 24)} target-commits`,
    ])
    // Of partitions that came since: the oldest position is the first to go.
    const later = (...keys: readonly string[]) => {
      const added = keys.map((key) => [key, { target: 1n, at: inHours(-12) }] as const)
      const positions = new Map([...sync.positions, ...added] as never)
      return stateWith({ syncs: [{ ...sync, positions: positions as typeof sync.positions }] })
    }
    expect(deadlines({ observed: observed(seen), state: later('orders:1') })).toEqual([
      `${inHours(6 * 24)} target-commits`,
    ])
    expect(deadlines({ observed: observed(seen), state: later('orders:0', 'orders:1') })).toEqual([
      `${inHours(6.5 * 24)} target-commits`,
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

describe('the deadline of synced positions', () => {
  const says = (description: NonNullable<Parameters<typeof groupSeen>[2]>) =>
    plan({
      state: stateWith({
        syncs: [
          {
            group: group('api'),
            status: 'done' as const,
            at: inHours(-24),
            positions: new Map([['orders:0', { target: 500n }]]) as never,
          },
        ],
      }),
      observed: observed({
        target: { groups: new Map([[group('api'), groupSeen('api', {}, description)]]) },
      }),
    })
      .deadlines.filter(({ about }) => about?.kind === 'target-commits')
      .map((each) => each.says)

  it('promises a mirror only where one renews them: for a group that never had members', () => {
    expect(says({ state: 'empty', protocolType: '' })).toEqual([
      expect.stringMatching(/or a mirror runs that renews them$/),
    ])
    const hadMembers = expect.stringMatching(/it has had members there, so no mirror renews them/)
    expect(says({ state: 'empty', protocolType: 'consumer' })).toEqual([hadMembers])
    expect(says({ state: 'empty', type: 'consumer', protocolType: '' })).toEqual([hadMembers])
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

  it('stands in each plan that moves the first one, with the reason, as long as it can be another', () => {
    const orderOf = (parts: Parameters<typeof plan>[0]) => plan(parts).order
    const advised = {
      advised: 'consumers-first',
      because: expect.stringContaining('500 records behind'),
    }
    expect(orderOf({ desired: migration({ stage: 'consumers-moved' }) })).toEqual({
      file: 'consumers-first',
      ...advised,
    })
    const producersFirst = migration({ stage: 'producers-moved', order: 'producers-first' })
    expect(orderOf({ desired: producersFirst })).toEqual({ file: 'producers-first', ...advised })
    expect(orderOf({ desired: migration({ stage: 'mirrored' }) })).toBeUndefined()
    const moves = migration({ stage: 'producers-moved' })
    expect(orderOf({ desired: { ...moves, groups: [] } })).toBeUndefined()
    expect(
      orderOf({ desired: moves, state: stateWith({ stage: 'consumers-moved' }) }),
    ).toBeUndefined()
    expect(
      orderOf({ desired: moves, purpose: { kind: 'rollback', to: 'prepared' } }),
    ).toBeUndefined()
  })

  it('is producers-first where the source is written faster than it is mirrored, and the plan says so', () => {
    const slow = migration({ mirror: { throttle: 20, startFrom: 'earliest' } })
    expect(advice({ desired: slow })).toMatchObject({
      order: 'producers-first',
      because: expect.stringContaining('fall behind'),
    })
    expect(plan({ desired: slow }).problems.map(({ code }) => code)).toContain('FERRY1341')
  })

  it('takes the age of a log from its first record: old records in one batch are not written in a moment', () => {
    const written = (firstTimestamp: number) =>
      observed({
        source: {
          topics: new Map([
            [
              topic('orders'),
              // A million records of 100 bytes, the newest of them a second old.
              topicSeen('orders', [
                [0n, 1_000_000n, { firstTimestamp, headTimestamp: NOW.getTime() - 1000 }],
              ]),
            ],
          ]),
        },
      })
    expect(advice({ observed: written(NOW.getTime() - 1000) })).toMatchObject({
      order: 'producers-first',
    })
    expect(advice({ observed: written(NOW.getTime() - HOUR) })).toMatchObject({
      order: 'consumers-first',
    })
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
    // Before the mark is nothing on the target.
    const marked = stateWith({
      marks: [
        mark({ sourceStart: 0n as never }),
        mark({ partition: 1, sourceStart: 18n as never }),
      ],
    })
    expect(findings({ observed: two, state: marked })).toContainEqual(
      expect.stringMatching(
        /FERRY1340 api has no position in orders-1 .*earliest reads all 7 records of them/,
      ),
    )
    const behind = stateWith({ marks: [mark(), mark({ partition: 1, sourceStart: 25n as never })] })
    expect(findings({ observed: two, state: behind }).join()).not.toContain('FERRY1340')
    // Where mirroring will begin nobody knows before the mark.
    const latest = migration({ mirror: { throttle: undefined, startFrom: 'latest' } })
    expect(findings({ observed: two, desired: latest })).toContainEqual(
      expect.stringMatching(/FERRY1340 .*earliest reads all that is mirrored of them, latest none/),
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
