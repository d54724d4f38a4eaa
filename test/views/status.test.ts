import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import { renderStatus } from '../../src/views/status.ts'
import type { MigrationStatus } from '../../src/views/status-report.ts'
import { PLAIN } from '../../src/views/style.ts'

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
      partitions: [0, 1].map((partition) => ({
        partition,
        sourceStart: 0,
        targetStart: 0,
        mirroredTo: 1000,
        sourceEnd: 1600,
        lag: 600,
        sealed: false,
        stopped: false,
        divergedAt: null,
      })),
    },
  ],
  groups: [
    {
      id: 'orders-api',
      source: { state: 'stable', members: 3 },
      target: { state: 'absent', members: 0 },
      syncedAt: null,
    },
  ],
  next: {
    kind: 'apply',
    step: 'sync group orders-api',
    waitsFor: ['orders-api is empty on old-cloud'],
  },
  deadlines: [
    {
      at: '2025-03-04T18:20:00.000Z',
      says: 'retention of orders.events-7 on old-cloud is the first deadline',
    },
  ],
  problems: [],
}

const mirrorLine = (mirror: MigrationStatus['mirror']): string =>
  renderStatus([{ ...STATUS, mirror }], PLAIN)
    .split('\n')
    .slice(3)
    .join('\n')
    .split('  until')[0] as string

describe('renderStatus', () => {
  it('is a page', () => {
    deepStrictEqual(
      `\n${renderStatus([STATUS], PLAIN)}`,
      `
orders: old-cloud -> new-idc, owned by team-orders
  stage   mirrored; the plan file asks for consumers-moved
  next    sync group orders-api, which waits until orders-api is empty on old-cloud. To go on: ferry
          apply orders
  mirror  running: process 77 on box
  until   Tue 18:20 UTC: retention of orders.events-7 on old-cloud is the first deadline

  topic          state     offsets    partitions  marked  sealed  stopped    lag
  orders.events  mirrored  identical           2       2       0        0  1,200

  group       on old-cloud       on new-idc  synced
  orders-api  stable, 3 members  absent      -
`,
    )
  })

  it('shows partitions whose offsets are not identical any more', () => {
    const [topic] = STATUS.topics
    const partitions = topic!.partitions.map((each, i) => ({
      ...each,
      divergedAt: i === 0 ? 500 : null,
    }))
    const text = renderStatus([{ ...STATUS, topics: [{ ...topic!, partitions }] }], PLAIN)
    deepStrictEqual(text.includes('mirrored  identical, 1 diverged '), true)
  })

  it('is loud while consumers starve', () => {
    const text = renderStatus(
      [
        {
          ...STATUS,
          mirror: { need: 'needed', processes: [], lastProgress: '2025-03-02T09:00:00.000Z' },
        },
      ],
      PLAIN,
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
