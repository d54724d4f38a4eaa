import { describe, expect, test } from 'vitest'
import { durableAfter } from '../../src/domain/durable-starts.ts'
import type { GroupId, PartitionKey, TopicName } from '../../src/domain/ids.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { Deadline } from '../../src/domain/plan.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { GroupDescription } from '../../src/kafka/cluster.ts'
import { foreignBelow } from '../../src/mirror/problems.ts'
import type { Fact } from '../../src/steps/gates/fact.ts'
import { FACTS } from '../../src/steps/gates/list.ts'
import type { PartitionNow } from '../../src/steps/partitions-now.ts'
import type { GateReading } from '../../src/steps/step-kind.ts'

/** Every fact of the list, open and shut, by what it is handed. What brokers answer: `test/scenarios/gates.test.ts` and its neighbours. */

const KEY = 'orders:0' as PartitionKey
const GROUP = 'api' as GroupId
const TOPIC = 'orders' as TopicName
const of = { group: GROUP, topic: TOPIC }

const group = (parts: Partial<GroupDescription> = {}): GroupDescription => ({
  id: GROUP,
  state: 'empty',
  type: 'classic',
  protocolType: 'consumer',
  members: [],
  ...parts,
})
const member = { memberId: 'm', clientId: 'api-1', host: '/10.0.0.7' }
const running = group({ state: 'stable', members: [member] })
const synced = (parts: Record<string, unknown> = {}) => ({
  group: GROUP,
  members: [],
  strayed: undefined,
  pending: [],
  gone: [],
  ...parts,
})
const on = (cluster: string, description: GroupDescription) => ({ cluster, description })

/** Marked at 100 and 0, copied and checked up to the source's end at 500, which is 400 there. */
const partition = (parts: Record<string, unknown> = {}): PartitionNow => {
  const { mirroredTo = 500n, proven = mirroredTo, mark = {}, ...rest } = parts
  const map = {
    mark: {
      topic: TOPIC,
      partition: 0,
      mode: 'dense',
      sourceStart: 100n,
      targetStart: 0n,
      ...(mark as object),
    },
    gaps: new GapList(),
    diverged: null,
  }
  return {
    key: KEY,
    mark: map.mark,
    seal: undefined,
    sourceStart: 100n,
    sourceEnd: 500n,
    sourceStable: 500n,
    targetStart: 0n,
    targetEnd: 400n,
    index: { ...map, mirroredTo },
    proven: { ...map, mirroredTo: proven },
    problem: null,
    ...rest,
  } as never
}
const now = (parts: Record<string, unknown> = {}) => new Map([[KEY, partition(parts)]])
const seal = { topic: TOPIC, partition: 0, sourceEnd: 500n, targetEnd: 400n, at: '' }
const stop = { detail: 'retention was quicker' }
const report = (state: string) => ({ key: KEY, topic: TOPIC, state, waitsFor: 'the lock' })
const committed = (offset: bigint, pending: readonly PartitionKey[] = []) => ({
  commits: new Map([[KEY, { offset, metadata: '' }]]),
  pending,
})
const sealed = (sourceEnd: bigint, parts: Record<string, unknown> = {}) => ({
  migration: 'orders',
  topics: [TOPIC],
  now: [partition({ seal, sourceEnd })],
  unsealed: [],
  state: emptyState('orders', ''),
  order: 'consumers-first',
  ...parts,
})
const transaction = {
  key: KEY,
  producer: { producerId: 7n, epoch: 3, lastSequence: 0, lastTimestamp: 0, transactionStart: 42n },
  start: 42n,
}
const deadline: Deadline = {
  at: '2026-11-25T12:00:00.000Z',
  says: 'retention is near',
  about: { kind: 'source-retention', partition: KEY, offset: '300' },
}
const late = new Date('2026-11-25T12:00:01.000Z')

const standing = (broker: number, standsMs: number) => ({
  key: KEY,
  broker,
  standsMs,
  takes: durableAfter(
    new Map([['log.flush.start.offset.checkpoint.interval.ms', { value: '60000' }]]),
  ),
})

interface Row {
  readonly of: unknown
  /** Holds. */
  readonly open: readonly unknown[]
  /** What is said; `never`: waiting is no use; `stopped`: the same, since a partition has stopped. */
  readonly shut: readonly (readonly [
    seen: unknown,
    because: RegExp,
    worth: 'waits' | 'never' | 'stopped',
  ])[]
}

const ROWS: Readonly<Record<string, Row>> = {
  'group-movable': {
    of,
    open: [group(), group({ type: 'consumer' }), group({ state: 'absent', type: 'share' })],
    shut: [
      [group({ type: 'share' }), /share group/, 'never'],
      [group({ type: 'streams' }), /Streams group/, 'never'],
      [group({ protocolType: 'connect' }), /protocol connect/, 'never'],
    ],
  },
  'group-empty': {
    of: { ...of, side: 'source' },
    open: ['absent', 'empty', 'dead'].flatMap((state) =>
      (['classic', 'consumer'] as const).map((type) => on('old', group({ state, type } as never))),
    ),
    shut: [
      [on('old', running), /stop its consumers on old: api-1 on \/10\.0\.0\.7/, 'waits'],
      [on('old', group({ ...running, type: 'consumer' })), /api-1 on/, 'waits'],
      [on('old', group({ state: 'reconciling', type: 'consumer' } as never)), /state rec/, 'waits'],
      [on('old', group({ type: 'share' })), /share group/, 'never'],
    ],
  },
  'commits-stable': {
    of,
    open: [
      [{ cluster: 'old', by: 'told', pending: [] }],
      [{ cluster: 'old', by: 'log', partition: 3, stable: 9n, end: 9n }],
      [
        { cluster: 'old', by: 'version' },
        { cluster: 'new', by: 'told', pending: [] },
      ],
    ],
    shut: [
      [
        [{ cluster: 'old', by: 'told', pending: [KEY] }],
        /transaction .* open on old, in orders:0;/,
        'waits',
      ],
      [
        [
          { cluster: 'old', by: 'version' },
          { cluster: 'new', by: 'told', pending: Array(7).fill(KEY) },
        ],
        /transaction .* open on new, in (orders:0, ){4}orders:0 and 2 more;/,
        'waits',
      ],
      [
        [{ cluster: 'old', by: 'log', partition: 3, stable: 8n, end: 9n }],
        /__consumer_offsets:3 on old from offset 8/,
        'waits',
      ],
    ],
  },
  'members-gone': {
    of,
    open: [on('old', group())],
    shut: [[on('old', running), /api-1 on .* still on old/, 'waits']],
  },
  'members-moved': {
    of,
    open: [{ here: on('old', group()), there: on('new', running) }],
    shut: [
      [{ here: on('old', running), there: on('new', running) }, /still on old/, 'waits'],
      [{ here: on('old', group()), there: on('new', group()) }, /start .* on new/, 'waits'],
    ],
  },
  'groups-synced': {
    of: null,
    open: [
      { groups: [GROUP], synced: new Set([GROUP]), source: 'old', target: 'new', here: [synced()] },
      { groups: [GROUP], synced: new Set([GROUP]), source: 'old', target: 'new', here: [] },
    ],
    shut: [
      [
        { groups: [GROUP], synced: new Set(), source: 'old', target: 'new', here: [] },
        /api not synced/,
        'never',
      ],
      [
        {
          groups: [GROUP],
          synced: new Set([GROUP]),
          source: 'old',
          target: 'new',
          here: [
            synced(),
            // That it runs, too, does not make it worth waiting for.
            synced({ members: [member], strayed: { key: KEY, synced: 40n, now: 90n } }),
          ],
        },
        /api was synced at 40 of orders:0 and is at 90 on old: .* new plan/,
        'never',
      ],
      [
        {
          groups: [GROUP],
          synced: new Set([GROUP]),
          source: 'old',
          target: 'new',
          here: [synced(), synced({ members: [member] })],
        },
        /stop the consumers of api on old: api-1 on/,
        'waits',
      ],
      [
        {
          groups: [GROUP],
          synced: new Set([GROUP]),
          source: 'old',
          target: 'new',
          here: [synced({ pending: [KEY] })],
        },
        /transaction .* open on old, in orders:0/,
        'waits',
      ],
      [
        {
          groups: [GROUP],
          synced: new Set([GROUP]),
          source: 'old',
          target: 'new',
          here: [synced(), synced({ gone: [KEY] })],
        },
        /api has no position any more in orders:0 on new, .* new plan/,
        'never',
      ],
    ],
  },
  'mirror-sound': {
    of: null,
    open: [
      { reports: [], now: now() },
      { reports: [report('mirroring'), report('elsewhere')], now: now() },
    ],
    shut: [
      [{ reports: [report('checking')], now: now() }, /yet to check orders:0 \(it w/, 'waits'],
      [{ reports: [{ ...report('stopped'), problem: stop }], now: now() }, /quicker/, 'stopped'],
      [{ reports: [], now: now({ problem: stop }) }, /stopped orders:0: retention/, 'stopped'],
    ],
  },
  'mirror-lag': {
    of: { topic: TOPIC, allowed: 10 },
    open: [[partition()], [partition({ mirroredTo: 490n })]],
    shut: [
      [[partition({ mirroredTo: 489n })], /^11 records still to mirror/, 'waits'],
      [[partition({ seal, sourceEnd: 501n })], /grown to 501 since it was sealed at 500/, 'never'],
    ],
  },
  'mirror-passed': {
    of: { group: GROUP, allowRewind: false },
    open: [
      { now: now(), committed: committed(500n) },
      { now: now(), committed: committed(7n) },
      { now: now(), committed: { commits: new Map(), pending: [] } },
    ],
    shut: [
      [{ now: now({ proven: 300n }), committed: committed(302n) }, /^2 records to go/, 'waits'],
      [{ now: now(), committed: committed(7n, [KEY]) }, /orders:0 is not final/, 'waits'],
      [{ now: now(), committed: committed(501n) }, /past the source's log end 500/, 'never'],
      [
        { now: now({ seal, sourceEnd: 502n }), committed: committed(501n) },
        /past the seal at 500/,
        'never',
      ],
    ],
  },
  'below-mark-hidden': {
    of: null,
    open: [
      { now: now(), kept: new Map() },
      { now: now({ mark: { targetStart: 7n }, targetStart: 7n }), kept: new Map() },
      // Below a mark of the way back lie records.
      { now: now({ mark: { targetStart: 7n, way: 'reverse' } }), kept: new Map() },
    ],
    shut: [
      ...(['dense', 'identical'] as const).map(
        (mode) =>
          [
            { now: now({ mark: { targetStart: 7n, mode } }), kept: new Map() },
            /begins at 0 instead of 7/,
            'waits',
          ] as const,
      ),
      [
        {
          now: now({
            mark: { targetStart: 7n },
            problem: foreignBelow(KEY, 0, 7, 'producer 4711'),
          }),
          kept: new Map(),
        },
        /begins at 0 instead of the mark at 7, .*\(producer 4711\).*delete the records below 7/,
        'never',
      ],
      [
        { now: now({ mark: { targetStart: 7n }, seal, problem: stop }), kept: new Map() },
        /begins at 0 instead of 7/,
        'waits',
      ],
      [
        { now: now(), kept: new Map([[KEY, foreignBelow(KEY, 0, 7, 'producer 4711')]]) },
        /begins at 0 instead of the mark at 7, .*\(producer 4711\).*delete the records below 7/,
        'never',
      ],
    ],
  },
  'counts-equal': {
    of,
    open: [[partition()], [partition({ targetEnd: 401n })]],
    shut: [
      [[partition({ proven: 499n })], /has checked orders:0 up to 499 of 500/, 'waits'],
      [[partition({ targetEnd: 399n })], /below the end of the copy 400/, 'never'],
    ],
  },
  'no-foreign-writes': {
    of,
    open: [[partition()], [partition({ targetEnd: 399n })]],
    shut: [
      [[partition({ targetEnd: 401n })], /1 offset past .*: somebody else writes there/, 'never'],
      // It may be the mirror's own, which it has yet to check.
      [[partition({ targetEnd: 400n, proven: 499n })], /checked orders:0 up to 499/, 'waits'],
    ],
  },
  'partitions-marked': { of, open: [0], shut: [[2, /has got 2 partitions/, 'never']] },
  'source-quiet': {
    of: { topic: TOPIC, quietMs: 5_000 },
    open: [{ cluster: 'old', forMs: 5_000, moved: true }],
    shut: [
      [{ cluster: 'old', forMs: 4_001, moved: true }, /quiet so far, 1 s to go/, 'waits'],
      [{ cluster: 'old', forMs: 0, moved: true }, /producers still write to old/, 'waits'],
      [{ cluster: 'old', forMs: 0, moved: false }, /watching the log ends of old/, 'waits'],
    ],
  },
  'transactions-ended': {
    of,
    open: [{ kind: 'none' }],
    shut: [
      [{ kind: 'untold', key: KEY, from: 42n }, /orders:0 from offset 42; .*before 2\.8/, 'waits'],
      [
        { kind: 'told', key: KEY, open: [transaction], hanging: [] },
        /producer id 7 \(epoch 3\) on orders:0 from offset 42 is open/,
        'waits',
      ],
      [{ kind: 'told', key: KEY, open: [], hanging: [] }, /on orders:0 is ending/, 'waits'],
      [
        { kind: 'told', key: KEY, open: [transaction], hanging: [transaction] },
        /producer id 7 .* from offset 42 hangs.*--start-offset 42/,
        'never',
      ],
    ],
  },
  'nothing-late': {
    of: {},
    open: [sealed(500n)],
    shut: [
      [sealed(501n), /grown on the source from 500 to 501 since the seal/, 'never'],
      [sealed(501n), /the next plan opens the seal again and copies the rest$/, 'never'],
      [
        sealed(501n, {
          now: [partition({ seal, sourceEnd: 501n, targetEnd: 401n })],
          state: { ...emptyState('orders', ''), seals: [seal] },
        }),
        /then ferry salvage orders appends what came late$/,
        'never',
      ],
      // Nobody knows yet what of it is late: whose it is, as it is told before a seal.
      [
        sealed(503n, { open: { kind: 'told', key: KEY, open: [transaction], hanging: [] } }),
        /stop its producers; the transaction of producer id 7 \(epoch 3\) on orders:0 from offset 42 is open; it ends with its producer, or its timeout; the next plan/,
        'never',
      ],
      [
        sealed(503n, {
          open: { kind: 'told', key: KEY, open: [transaction], hanging: [transaction] },
        }),
        /producer id 7 .* hangs: .*--start-offset 42; the next plan/,
        'never',
      ],
      [
        sealed(503n, {
          now: [partition({ seal, sourceEnd: 503n, sourceStable: 501n })],
          open: { kind: 'told', key: KEY, open: [transaction], hanging: [] },
        }),
        /from 500 to 503 since the seal: stop its producers; the next plan/,
        'never',
      ],
      [sealed(500n, { now: [partition()] }), /orders is not sealed/, 'never'],
      [sealed(500n, { unsealed: ['orders:1'] }), /orders:1 came on the source/, 'never'],
    ],
  },
  'log-starts-durable': {
    of: { ...of, afterMs: 66_000 },
    open: [[], [standing(1, 66_000), standing(2, 70_000)]],
    shut: [
      [
        [standing(1, 66_000), standing(2, 23_500)],
        /^43 s to go: broker 2 makes them durable every 60 s$/,
        'waits',
      ],
      [[standing(1, 65_999.5)], /^1 s to go/, 'waits'],
      [
        [{ key: KEY, broker: 1, standsMs: 0, takes: durableAfter(new Map()) }],
        /^66 s to go: broker 1 does not tell .* 60 s are taken$/,
        'waits',
      ],
      // However long the others stand there.
      [
        [standing(1, 70_000), { key: KEY, broker: 2, because: 'orders:0 begins at 0' }],
        /^orders:0 begins at 0$/,
        'waits',
      ],
    ],
  },
  'copy-checked': {
    of,
    open: [{ reports: [], now: now(), committed: committed(400n) }],
    shut: [
      [
        { reports: [], now: now(), committed: committed(1n, [KEY]) },
        /orders:0 is not final/,
        'waits',
      ],
      [
        { reports: [report('checking')], now: now(), committed: committed(1n) },
        /still to be checked/,
        'waits',
      ],
      [
        { reports: [], now: now({ proven: 499n }), committed: committed(400n) },
        /checked up to 399/,
        'waits',
      ],
    ],
  },
  'nothing-only-on-target': {
    of: {},
    open: [
      { cluster: 'new', now: [partition({ seal })] },
      { cluster: 'new', now: [partition({ targetEnd: 402n })] },
    ],
    shut: [
      [
        { cluster: 'new', now: [partition({ seal, targetEnd: 402n })] },
        /offsets 400 to 401 of orders:0 are only on new/,
        'never',
      ],
    ],
  },
  'nothing-late-on-way-back': {
    of: null,
    // How far the mirror is says nothing.
    open: [{ cluster: 'old', now: [partition({ targetEnd: 401n })] }],
    shut: [
      [
        { cluster: 'old', now: [], late: [{ topic: TOPIC, partition: 0, from: 400n, to: 401n }] },
        /orders-0 offset 400 on old came late/,
        'never',
      ],
      [
        {
          cluster: 'old',
          migration: 'shop',
          now: [],
          late: [{ topic: TOPIC, partition: 0, from: 400n, to: 410n, unseen: true }],
        },
        /orders-0 offsets 400 to 409 on old.* before anybody looked.*--accept-gap orders:0:400-409/,
        'waits',
      ],
      [
        { cluster: 'old', now: [partition()], open: [KEY] },
        /transaction open in orders:0/,
        'waits',
      ],
      [{ cluster: 'old', now: [partition({ problem: stop })] }, /stopped on its way/, 'stopped'],
    ],
  },
  'way-back-sealed': {
    of: null,
    open: [
      { cluster: 'new', now: [partition({ seal })] },
      // Marked where it is kept warm, and nothing was written since.
      { cluster: 'new', now: [partition({ sourceEnd: 100n })] },
    ],
    shut: [
      [{ cluster: 'new', now: [partition()] }, /not sealed on its way back/, 'never'],
      [
        { cluster: 'new', now: [partition({ seal, sourceEnd: 501n })] },
        /grown on new from 500 to 501/,
        'never',
      ],
    ],
  },
  // Kind by kind: test/applier/check-deadlines.test.ts.
  'deadline-ahead': {
    of: { deadline, now: late },
    open: [{ kind: 'source-retention', partition: partition() }],
    shut: [
      [
        { kind: 'source-retention', partition: partition({ mirroredTo: 300n }) },
        /12:00:00.000Z has passed: retention is near/,
        'never',
      ],
    ],
  },
  'source-holds': {
    of: { source: 'old' },
    open: [partition({ sourceStart: 500n }), partition({ sourceStart: 501n, seal })],
    shut: [[partition({ sourceStart: 501n }), /500 to 500 are gone/, 'never']],
  },
}

const judged = (name: string, seen: unknown): GateReading => {
  const fact = FACTS.find((each) => each.name === name) as unknown as Fact<unknown, unknown>
  return fact.judge(seen, ROWS[name]?.of)
}

describe('the facts that gates are made of', () => {
  test('each has a row here, a name of its own, a title and where it is read', () => {
    const names = FACTS.map(({ name }) => name)
    expect([...names].sort()).toEqual(Object.keys(ROWS).sort())
    for (const fact of FACTS as readonly unknown[] as readonly Fact<unknown, unknown>[]) {
      expect(fact.title(ROWS[fact.name]?.of)).toMatch(/^\S.{10,}[^.]$/)
      expect(fact.reads).not.toBe('')
    }
  })

  test.each(
    Object.entries(ROWS).flatMap(([name, { open }]) => open.map((seen) => [name, seen] as const)),
  )('%s holds', (name, seen) => {
    expect(judged(name, seen)).toEqual({ holds: true })
  })

  test.each(
    Object.entries(ROWS).flatMap(([name, { shut }]) => shut.map((row) => [name, ...row] as const)),
  )('%s does not hold, and says why', (name, seen, because, worth) => {
    const reading = judged(name, seen)
    expect(reading).toMatchObject({
      holds: false,
      because: expect.stringMatching(because),
      worthWaiting: worth === 'waits',
    })
    expect('hasStopped' in reading).toBe(worth === 'stopped')
  })
})
