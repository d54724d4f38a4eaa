import { deepStrictEqual, match } from 'node:assert'
import { describe, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { renderStatus, renderStatusJson, renderStatusLine } from '../../src/views/status.ts'
import type { MigrationStatus } from '../../src/views/status-report.ts'
import { PLAIN, styleFor } from '../../src/views/style.ts'
import { schemaProblems } from '../schema-problems.ts'

const LOCK = {
  user: 'ana',
  host: 'box',
  pid: 7,
  operation: 'rollback orders to prepared',
  since: '2025-03-02T09:55:00.000Z',
}

const STATUS: MigrationStatus = {
  name: 'orders',
  owner: 'team-orders',
  at: '2025-03-02T10:00:00.000Z',
  source: 'old-cloud',
  target: 'new-idc',
  stage: 'mirrored',
  asks: 'consumers-moved',
  mirror: {
    need: 'optional',
    processes: [{ host: 'box', pid: 77 }],
    lastProgress: '2025-03-02T09:59:58.000Z',
  },
  topics: [
    {
      name: 'orders.events',
      mode: 'identical',
      state: 'mirrored',
      progress: {
        records: 2000,
        bytes: 2_000_000,
        left: 1200,
        recordsPerSecond: 81.4,
        bytesPerSecond: 83_000,
        secondsLeft: 14.7,
      },
      partitions: [0, 1].map((partition) => ({
        partition,
        sourceStart: 0,
        targetStart: 0,
        mirroredTo: 1000,
        sourceEnd: 1600,
        lag: 600,
        divergedAt: null,
        sealed: false,
        stopped: false,
        problem: null,
      })),
    },
  ],
  groups: [
    {
      id: 'orders-api',
      source: {
        state: 'stable',
        members: 3,
        clients: [1, 2, 3].map((n) => ({ clientId: `orders-${n}`, host: `/10.0.0.${n}` })),
        lag: 1234,
      },
      target: { state: 'absent', members: 0, clients: [], lag: null },
      syncedAt: null,
    },
  ],
  next: {
    kind: 'apply',
    command: 'ferry apply orders',
    step: 'sync group orders-api',
    gate: {
      step: 'sync group orders-api',
      waitsFor: [
        'orders-api has no consumers on the source',
        'the mirror has passed every position',
      ],
    },
  },
  deadlines: [
    {
      at: '2025-03-04T18:20:00.000Z',
      says: 'retention of orders.events-7 on old-cloud is the first deadline',
    },
  ],
  retention: {
    topic: 'orders.events',
    partition: 1,
    copiedPerSecond: 81.4,
    by: 'now',
    takenPerSecond: 0.5,
    overtakenAt: null,
  },
  problems: [],
}

const VIEW = { style: PLAIN, columns: 100 }
const show = (change: Partial<MigrationStatus> = {}, columns = 100): string =>
  renderStatus([{ ...STATUS, ...change }], { style: PLAIN, columns })
const mirrorLine = (mirror: MigrationStatus['mirror']): string =>
  renderStatus([{ ...STATUS, mirror }], VIEW)
    .split('\n')
    .slice(3)
    .join('\n')
    .split('  until')[0] as string

describe('renderStatus', () => {
  it('is a page', () => {
    deepStrictEqual(
      `\n${show()}`,
      `
orders: old-cloud -> new-idc, owned by team-orders
  seen    Sun 2025-03-02 10:00:00 UTC
  stage   mirrored; the plan file asks for consumers-moved
  next    ferry apply orders
          waits at sync group orders-api until orders-api has no consumers on the source and the
          mirror has passed every position
  first   stop orders-api on old-cloud
  mirror  running: process 77 on box
  until   Tue 18:20 UTC, in 2 days: retention of orders.events-7 on old-cloud is the first deadline
  pace    orders.events:1 copied at 81 records/s, retention on old-cloud takes 1,800 records/h: the
          mirror is quicker

  topic          state     offsets    copied    lag  records/s  ~bytes/s  ready in
  orders.events  mirrored  identical   2,000  1,200         81  81 KiB/s      15 s

  partition          mark  mirrored to  source end  lag
  orders.events:0  0 -> 0        1,000       1,600  600
  orders.events:1  0 -> 0        1,000       1,600  600

group orders-api
  on old-cloud  stable, 3 members (orders-1 on 10.0.0.1, orders-2 on 10.0.0.2 and orders-3 on
                10.0.0.3), 1,234 records behind
  on new-idc    absent
  positions     not synced yet
`,
    )
  })

  const [topic, partition] = [STATUS.topics[0]!, STATUS.topics[0]!.partitions[0]!]
  const problem = diagnostic({ code: 'FERRY1301', detail: 'It stands.', fix: 'Look.' })
  const large = Array.from({ length: 300 }, (_, n) => ({
    ...partition,
    partition: n,
    lag: n % 100,
    ...(n === 7 ? { stopped: true, problem, lag: 3 } : {}),
  }))

  it('says when retention overtakes the mirror', () => {
    const retention = {
      ...STATUS.retention!,
      by: 'mark',
      takenPerSecond: 100,
      overtakenAt: '2025-03-02T15:00:00.000Z',
    } as const
    match(
      show({ retention }).replace(/\s+/g, ' '),
      /pace orders\.events:1 copied, since its mark, at 81 records\/s, retention on old-cloud takes 100 records\/s: THE MIRROR IS OVERTAKEN .*15:00 UTC, in 5 h/,
    )
  })

  it('names partitions that stopped, and shows of many those that matter', () => {
    const text = show({ topics: [{ ...topic, state: 'stopped', partitions: large }] })
    match(text, /^ {2}STOPPED orders\.events:7 at 1,000: FERRY1301 .+$/m)
    match(text, /^ {2}orders\.events {2}1 of 300 stopped /m)
    const rows = text.split('\n').filter((line) => /^ {2}orders\.events:\d/.test(line))
    deepStrictEqual(
      rows.map((row) => row.trim().split(/[: ]+/)[1]),
      ['7', '96', '97', '98', '99', '196', '197', '198', '199', '297', '298', '299'],
    )
    match(text, /^ {2}and 288 partitions with no more lag than these/m)
  })

  it('keeps within the columns, whatever names and members there are', () => {
    const long = `${'orders-of-a-very-long-name.'.repeat(8)}v2`
    const clients = Array.from({ length: 40 }, (_, n) => ({
      clientId: `c-${n}`,
      host: '/10.0.0.1',
    }))
    const group = STATUS.groups[0]!
    const change: Partial<MigrationStatus> = {
      // What stopped is named in full.
      topics: [{ ...topic, name: long, partitions: large.filter((each) => !each.stopped) }],
      groups: [{ ...group, source: { ...group.source, members: 40, clients } }],
    }
    for (const columns of [80, 100, 300]) {
      const wide = show(change, columns)
        .split('\n')
        .filter((line) => line.length > Math.min(columns, 100))
      deepStrictEqual(wide, [])
    }
    match(show(change), /c-5 on 10\.0\.0\.1 and 34 more\)/)
    match(show(change), /orders-of-a-v.*….*v2 /)
  })

  for (const [name, change, expected] of [
    ['blocked', { next: { kind: 'blocked' } }, /next {4}blocked: see the errors/],
    [
      'an edit',
      { next: { kind: 'edit', stage: 'retired' } },
      /next {4}set stage: retired in the plan file, then ferry plan orders/,
    ],
    [
      'the end',
      { next: { kind: 'finished' } },
      /next {4}nothing: the migration is finished\n {10}what was moved: ferry receipt orders; to check it: ferry verify orders --receipt/,
    ],
    [
      'steps before the first gate',
      {
        next: {
          kind: 'apply',
          command: 'ferry apply orders',
          step: 'topic orders.events',
          gate: { step: 'seal orders.events', waitsFor: ['it is quiet'] },
        },
      },
      /apply orders\n {10}begins with topic orders\.events\n {10}waits at seal orders\.events until it is quiet\n/,
    ],
    [
      'no gate',
      { next: { kind: 'apply', command: 'ferry apply orders', step: 'topic a', gate: null } },
      /begins with topic a\n {10}waits at no gate\n/,
    ],
    [
      'a deadline that passed',
      { deadlines: [{ at: '2025-03-01T10:00:00.000Z', says: 'too late' }] },
      /until {3}Sat 2025-03-01 10:00 UTC, PASSED: too late/,
    ],
  ] as const satisfies readonly (readonly [string, Partial<MigrationStatus>, RegExp])[]) {
    it(`says ${name}`, () => match(show(change), expected))
  }

  it('is the same text with colour, once the colour is taken out', () => {
    const statuses = [{ ...STATUS, topics: [{ ...topic, partitions: large }] }]
    const coloured = renderStatus(statuses, { style: styleFor(true), columns: 100 })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    deepStrictEqual(coloured.replace(/\u001b\[\d+m/g, ''), renderStatus(statuses, VIEW))
    deepStrictEqual(coloured === renderStatus(statuses, VIEW), false)
  })

  it('says who works on it, for what and for how long', () => {
    match(
      show({ lock: LOCK }),
      /\n {2}lock {4}held by ana@box \(pid 7\): rollback orders to prepared, for 5 min\n {2}next/,
    )
  })

  it('is JSON as its schema says, on one line while it is watched', async () => {
    const statuses = [
      { ...STATUS, lock: LOCK, topics: [{ ...topic, state: 'stopped', partitions: large }] },
    ] satisfies readonly MigrationStatus[]
    const problems = await schemaProblems('status', JSON.parse(renderStatusJson(statuses)))
    deepStrictEqual(problems, [])
    const line = renderStatusLine(statuses)
    deepStrictEqual(line.indexOf('\n'), line.length - 1)
    deepStrictEqual(JSON.parse(line), JSON.parse(renderStatusJson(statuses)))
    deepStrictEqual((await schemaProblems('status', { formatVersion: '1.1' })).length, 1)
  })

  it('shows partitions whose offsets are not identical any more', () => {
    const partitions = topic.partitions.map((each, i) => ({
      ...each,
      divergedAt: i === 0 ? 500 : null,
    }))
    const text = show({ topics: [{ ...topic, partitions }] })
    match(text, /mirrored {2}identical, 1 diverged /)
    match(text, /orders\.events:0 .* diverged at 500\n/)
  })

  it('is loud while consumers starve', () => {
    const text = renderStatus(
      [
        {
          ...STATUS,
          mirror: { need: 'needed', processes: [], lastProgress: '2025-03-02T09:00:00.000Z' },
        },
      ],
      VIEW,
    )
    deepStrictEqual(
      text.includes(
        '  mirror  NOBODY MIRRORS, the last one copied something 60 min ago: consumers on new-idc',
      ),
      true,
    )
  })

  for (const [name, mirror, expected] of [
    ['not needed', { need: 'none', processes: [], lastProgress: null }, 'not needed now'],
    [
      'unknown',
      { need: 'needed', processes: null, lastProgress: null },
      'unknown: new-idc could not be asked',
    ],
  ] as const) {
    it(`says that a mirror is ${name}`, () => {
      deepStrictEqual(mirrorLine(mirror).includes(`  mirror  ${expected}\n`), true)
    })
  }
})
