import { describe, expect, it } from 'vitest'
import type { SourceOffset } from '../../src/domain/ids.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import {
  group,
  groupSeen,
  migration,
  observed,
  plan,
  stateWith,
  topic,
  topicSeen,
  topicSpec,
} from './_build.ts'
import { mark, STATE, seal } from './_moved.ts'

const MIRRORED = { ...STATE, stage: 'mirrored' as const, seals: [], syncs: [] }

/** The source has three partitions, two of them marked. */
const grown = (
  state: Partial<MigrationState>,
  parts: {
    readonly target?: number
    readonly last?: readonly [bigint, bigint]
    readonly here?: Readonly<Record<string, bigint>>
    readonly uncommitted?: 'absent' | 'start'
    readonly stage?: 'mirrored' | 'consumers-moved' | 'producers-moved'
  } = {},
): Plan => {
  const ends: [bigint, bigint][] = [
    [100n, 1100n],
    [0n, 0n],
  ]
  const last = parts.last ?? [0n, 5n]
  const there: [bigint, bigint][] = [
    [0n, 1000n],
    [0n, 0n],
    [0n, 0n],
    [0n, 0n],
  ]
  return plan({
    desired: migration({
      stage: parts.stage ?? 'mirrored',
      access: [],
      groups: [
        {
          id: group('api'),
          at: migration().groups[0]!.at,
          uncommitted: parts.uncommitted ?? 'absent',
          uncommittedSaid: true,
        },
      ],
    }),
    observed: observed({
      source: {
        topics: new Map([[topic('orders'), topicSeen('orders', [...ends, last])]]),
        groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 600n, ...parts.here })]]),
      },
      target: {
        topics: new Map([
          [topic('orders'), topicSeen('orders', there.slice(0, parts.target ?? 2))],
        ]),
        groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 500n })]]),
      },
    }),
    state: stateWith(state),
  })
}
const ids = ({ steps }: Plan) =>
  steps.map(({ id }) => id).filter((id) => !id.startsWith('configure-topic/'))
const codes = ({ problems }: Plan) => problems.map(({ code, severity }) => `${severity} ${code}`)

describe('partitions that came on the source since the mark', () => {
  it('are added, marked as those before, mirrored and looked at', () => {
    const made = grown(MIRRORED)
    expect(ids(made)).toEqual([
      'add-partitions/orders',
      'mark-topic/orders/2',
      'mirror-topic/orders',
      'verify-topic/orders',
    ])
    expect(made.steps.find(({ kind }) => kind === 'mark-topic')).toMatchObject({
      mode: 'dense',
      partitions: 3,
      first: 2,
    })
    expect(codes(made)).not.toContain('error FERRY1304')
  })

  it('need no adding where a run before has come so far', () => {
    expect(ids(grown(MIRRORED, { target: 3 }))[0]).toBe('mark-topic/orders/2')
  })

  it('are refused where the target has more', () => {
    expect(codes(grown(MIRRORED, { target: 4 }))).toContain('error FERRY1304')
  })

  it('are added before the first mark too, where Ferry made the topic, and nowhere else', () => {
    const unmarked = { stage: 'prepared' as const, createdTopics: [topic('orders')] }
    expect(ids(grown(unmarked))).toEqual([
      'add-partitions/orders',
      'mark-topic/orders',
      'mirror-topic/orders',
      'verify-topic/orders',
    ])
    const foreign = grown({ stage: 'prepared' })
    expect(codes(foreign)).toContain('error FERRY1304')
    expect(ids(foreign)).not.toContain('add-partitions/orders')
  })

  it('are refused after the seal once there is something in them', () => {
    const sealed = { ...STATE, stage: 'producers-moved' as const }
    const parts = { stage: 'producers-moved' } as const
    expect(codes(grown(sealed, parts))).toContain('error FERRY1337')
    expect(codes(grown(sealed, { ...parts, last: [3n, 3n] }))).toContain('warning FERRY1337')
    expect(ids(grown(sealed, parts))).not.toContain('add-partitions/orders')
  })

  it('get a position for a group that was synced, where the file or the group says which', () => {
    const moved = { ...STATE, stage: 'consumers-moved' as const, seals: [] }
    const at = { stage: 'consumers-moved' } as const
    expect(ids(grown(moved, at))).not.toContain('sync-group/api/new')
    expect(codes(grown(moved, at))).toContain('warning FERRY1340')
    expect(ids(grown(moved, { ...at, uncommitted: 'start' }))).toContain('sync-group/api/new')
    expect(ids(grown(moved, { ...at, here: { 'orders:2': 3n } }))).toContain('sync-group/api/new')
  })

  it('as a whole topic that came to the file since, have a position for a group that was synced, also once they are marked', () => {
    const items = topic('items')
    const made = (more: Partial<MigrationState>, here: Readonly<Record<string, bigint>>) => {
      const seen = (group_: ReturnType<typeof groupSeen>, withItems: boolean) => ({
        topics: new Map([
          [
            topic('orders'),
            topicSeen('orders', [
              [0n, 1000n],
              [0n, 0n],
            ]),
          ],
          ...(withItems
            ? [
                [
                  items,
                  topicSeen('items', [
                    [0n, 9n],
                    [0n, 9n],
                  ]),
                ] as const,
              ]
            : []),
        ]),
        groups: new Map([[group('api'), group_]]),
      })
      const marks = [...STATE.marks, ...(more.marks ?? [])]
      const syncs = STATE.syncs!.map((sync) => ({
        ...sync,
        marked: new Map([[topic('orders'), 2]]),
      }))
      return plan({
        desired: migration({
          stage: 'consumers-moved',
          access: [],
          topics: [...migration().topics, topicSpec('items')],
        }),
        observed: observed({
          source: seen(groupSeen('api', { 'orders:0': 600n, ...here }), true),
          // Its consumers read on there.
          target: seen(groupSeen('api', { 'orders:0': 700n }), marks.length > 2),
        }),
        state: stateWith({ ...STATE, stage: 'consumers-moved', seals: [], syncs, marks }),
      }).steps.filter(({ id }) => id === 'sync-group/api/new')
    }
    expect(made({}, { 'items:1': 4n })).toMatchObject([{ committed: 1, partitions: 1 }])
    expect(made({}, {})).toEqual([])
    // A run that died before it came to the group has marked them.
    const both = [0, 1].map((n) => ({ ...mark(n, 0n, 0n), topic: items }))
    expect(made({ marks: both }, { 'items:1': 4n })).toMatchObject([{ committed: 1 }])
  })

  it('are none once all are marked', () => {
    const third = { ...mark(2, 0n, 0n), sourceStart: 0n as SourceOffset }
    const all = { ...MIRRORED, marks: [...MIRRORED.marks, third] }
    expect(ids(grown(all, { target: 3 }))).toEqual([])
    const sealed = { ...all, seals: [seal(0, 1100n, 1000n)] }
    expect(codes(grown(sealed, { target: 3 }))).not.toContain('error FERRY1337')
  })
})
