import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import { looksOf } from '../../src/app/places.ts'
import { type StatusParts, statusOf } from '../../src/app/status.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { GapList } from '../../src/domain/gap-list.ts'
import type { GroupId, PartitionKey, TopicName } from '../../src/domain/ids.ts'
import type { Mark, Seal } from '../../src/domain/mark.ts'
import type { Migration } from '../../src/domain/migration.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import { emptyState, type Salvage } from '../../src/domain/state.ts'
import type { Observed, ObservedSide } from '../../src/planner/observed.ts'
import { aPlan, WORDS } from '../views/a-plan.ts'

const topic = 'orders.events' as TopicName
const group = 'orders-api' as GroupId

const mark = (partition: number, change: Partial<Mark> = {}): Mark =>
  ({
    topic,
    partition,
    sourceStart: 100n,
    targetStart: 0n,
    mode: 'dense',
    producerId: 5n,
    ...change,
  }) as Mark

/** Ends of the target's partitions, stable ends and high watermarks of the source's. */
const side = (
  partitions: readonly (readonly [bigint, bigint])[],
  { configs = {}, headTimestamp = -1 }: { configs?: object; headTimestamp?: number } = {},
): ObservedSide =>
  ({
    name: 'x',
    brokerConfigs: new Map(),
    topics: new Map([
      [
        topic,
        {
          description: {},
          partitions: partitions.map(([highWatermark, lastStable], partition) => ({
            partition,
            logStart: 0n,
            highWatermark,
            lastStable,
            sample: {
              firstTimestamp: headTimestamp,
              headTimestamp,
              tail: 'plain',
              recordBytes: 10,
            },
          })),
          configs: new Map(
            Object.entries(configs).map(([key, value]) => [key, { value, isOverride: true }]),
          ),
        },
      ],
    ]),
    groups: new Map([
      [
        group,
        {
          description: {
            state: 'stable',
            members: [{ memberId: 'm', clientId: 'api-1', host: '/10.0.0.1' }],
          },
          commits: new Map([[`${topic}:0` as PartitionKey, { offset: 150n }]]),
        },
      ],
    ]),
  }) as unknown as ObservedSide

const progress = (partition: number, change: Partial<PartitionProgress> = {}) =>
  [
    `${topic}:${partition}` as PartitionKey,
    {
      topic,
      partition,
      producerId: 5n,
      mirroredTo: 120n,
      gaps: new GapList(),
      diverged: null,
      problem: null,
      ...change,
    },
  ] as unknown as [PartitionKey, PartitionProgress]

const NOTHING_COPIED = {
  records: 0,
  bytes: null,
  left: 0,
  bytesPerSecond: null,
  secondsLeft: null,
}

const parts = (change: {
  readonly marks?: readonly Mark[]
  readonly seals?: readonly Partial<Seal>[]
  readonly source?: readonly (readonly [bigint, bigint])[]
  readonly target?: readonly (readonly [bigint, bigint])[]
  readonly progress?: readonly [PartitionKey, PartitionProgress][]
  readonly configs?: Readonly<Record<string, string>>
  readonly headTimestamp?: number
}): StatusParts => ({
  migration: {
    name: 'orders',
    order: 'consumers-first',
    stage: 'mirrored',
    topics: [{ name: topic }],
    groups: [{ id: group }],
    mirror: { throttle: undefined, startFrom: 'earliest' },
  } as unknown as Migration,
  state: {
    ...emptyState('orders', 'x'),
    marks: change.marks ?? [mark(0)],
    seals: (change.seals ?? []) as readonly Seal[],
  },
  observed: {
    at: '2025-03-02T10:00:00.000Z',
    source: side(change.source ?? [[400n, 300n]], change),
    target: side(change.target ?? [[100n, 100n]]),
    problems: [],
  } as Observed,
  progress: new Map(change.progress ?? []),
  plan: aPlan(),
  words: WORDS,
  unread: [],
  processes: [],
  backProgress: new Map(),
  backProcesses: undefined,
  copied: [],
})

const first = (change: Parameters<typeof parts>[0]) => {
  const { mirroredTo, lag, sealed, stopped } = statusOf(parts(change)).topics[0]!.partitions[0]!
  return { mirroredTo, lag, sealed, stopped }
}

describe('what a crash may bring back below a mark', () => {
  const said = (
    at: string,
    { interval, ...change }: Partial<StatusParts> & { readonly interval?: string } = {},
  ) => {
    const marks = [mark(0, { targetStart: 10n as Mark['targetStart'], at }), mark(1, { at })]
    const made = parts({ marks })
    const set = interval === undefined ? [] : [[INTERVAL, { value: interval }] as const]
    const target = { ...made.observed.target, brokerConfigs: new Map(set) }
    const observed = { ...made.observed, target } as unknown as Observed
    return statusOf({ ...made, observed, ...change }).problems.flatMap(({ code, detail }) =>
      code === 'FERRY1324' ? [detail.match(/Until (\S+) /)?.[1]] : [],
    )
  }
  const INTERVAL = 'log.flush.start.offset.checkpoint.interval.ms'

  it('is told until a broker has made the log start durable: a minute, or as it is set, and a tenth more', () => {
    deepStrictEqual(said('2025-03-02T09:59:30.000Z'), ['2025-03-02T10:00:36.000Z'])
    deepStrictEqual(said('2025-03-02T09:58:53.000Z'), [])
    const set = { interval: '300000' }
    deepStrictEqual(said('2025-03-02T09:56:00.000Z', set), ['2025-03-02T10:01:30.000Z'])
    // Not before its first time.
    const quick = { interval: '1000' }
    deepStrictEqual(said('2025-03-02T09:59:40.000Z', quick), ['2025-03-02T10:00:13.000Z'])
  })

  it('is not told where a mirror would delete it again, nor once the migration is over', () => {
    const fresh = '2025-03-02T09:59:30.000Z'
    const processes = [{ host: 'h', pid: 1, topics: [topic] }]
    deepStrictEqual(said(fresh, { processes }), [])
    const { state } = parts({})
    const marks = [mark(0, { targetStart: 10n as Mark['targetStart'], at: fresh })]
    deepStrictEqual(said(fresh, { state: { ...state, marks, stage: 'retired' } }), [])
  })
})

describe('how far a partition is', () => {
  it('is what the end of the target says, up to what is stable on the source', () => {
    deepStrictEqual(first({}), { mirroredTo: 200, lag: 100, sealed: false, stopped: false })
  })

  it('counts gaps', () => {
    const gaps = GapList.of([{ from: 110n, to: 115n }])
    deepStrictEqual(first({ progress: [progress(0, { gaps })] }).mirroredTo, 205)
  })

  it('is what the mirror said where it stopped, or the end cannot be right', () => {
    const problem = diagnostic({ code: 'FERRY1301', detail: '', fix: '' })
    deepStrictEqual(first({ progress: [progress(0, { problem })] }), {
      mirroredTo: 120,
      lag: 180,
      sealed: false,
      stopped: true,
    })
    for (const target of [[[900n, 900n]], [[0n, 0n]]] as const) {
      const marks = [mark(0, { targetStart: 10n as Mark['targetStart'] })]
      deepStrictEqual(first({ marks, target, progress: [progress(0)] }).mirroredTo, 120)
    }
  })

  it('does not take the word of an older mark', () => {
    const problem = diagnostic({ code: 'FERRY1301', detail: '', fix: '' })
    const status = statusOf(parts({ progress: [progress(0, { problem, producerId: 4n })] }))
    deepStrictEqual([status.topics[0]?.state, status.problems], ['mirrored', []])
  })

  it('is the seal where there is one', () => {
    const seal = { topic, partition: 0, sourceEnd: 250n, targetEnd: 150n } as unknown as Seal
    deepStrictEqual(first({ seals: [seal] }), {
      mirroredTo: 250,
      lag: 50,
      sealed: true,
      stopped: false,
    })
  })

  it('has no lag behind the seal where what came late was salvaged', () => {
    const seal = { topic, partition: 0, sourceEnd: 250n, targetEnd: 150n } as unknown as Seal
    const salvage = { topic, partition: 0, from: 250n, to: 290n, status: 'done' }
    const looked = parts({ seals: [seal] })
    const state = { ...looked.state, salvages: [salvage] as unknown as readonly Salvage[] }
    const after = { ...looked, state }
    deepStrictEqual(statusOf(after).topics[0]!.partitions[0]!.lag, 10)
    deepStrictEqual(looksOf(after)[0]!.left, 10)
  })

  it('is unknown once somebody has deleted the copy, which is not mirrored then', () => {
    const looked = parts({ progress: [progress(0)] })
    const target = { ...looked.observed.target, topics: new Map() }
    const gone = { ...looked, observed: { ...looked.observed, target } }
    const [seen] = statusOf(gone).topics
    deepStrictEqual([seen!.state, seen!.partitions[0]!.mirroredTo], ['absent', null])
    deepStrictEqual(looksOf(gone), [])
  })

  it('is what was stored where the copy could not be looked at', () => {
    const looked = parts({ progress: [progress(0)] })
    const target = { ...looked.observed.target, topics: new Map() }
    const problems = [diagnostic({ code: 'FERRY1301', detail: '', fix: '' })]
    const unseen = { ...looked, observed: { ...looked.observed, target, problems } }
    const [seen] = statusOf(unseen).topics
    deepStrictEqual([seen!.state, seen!.partitions[0]!.mirroredTo], ['mirrored', 120])
    deepStrictEqual(looksOf(unseen)[0]?.left, 180)
  })

  it('is unknown before the mark', () => {
    deepStrictEqual(first({ marks: [] }), {
      mirroredTo: null,
      lag: null,
      sealed: false,
      stopped: false,
    })
  })
})

it('looks at all partitions of a topic, and estimates bytes', () => {
  const marks = [mark(0), mark(1)]
  const source = [
    [400n, 300n],
    [150n, 150n],
  ] as const
  const target = [
    [100n, 100n],
    [50n, 50n],
  ] as const
  deepStrictEqual(looksOf(parts({ marks, source, target })), [
    { topic, records: 150, bytes: 1500, left: 100 },
  ])
  deepStrictEqual(looksOf(parts({ marks: [] })), [])
})

describe('the race with retention', () => {
  // Of 3,600 records in an hour one a second expires, from an hour from now on; 400 of them are copied.
  const now = Date.parse('2025-03-02T10:00:00.000Z')
  const source = {
    source: [[3600n, 3600n]] as const,
    target: [[300n, 300n]] as const,
    configs: { 'retention.ms': '7200000' },
    headTimestamp: now - 3_600_000,
  }
  const race = (recordsPerSecond: number | null, mirroredTo = 400n, at = now) =>
    statusOf({
      ...parts({
        ...source,
        marks: [mark(0, { at: new Date(now - 1_000_000).toISOString() })],
        progress: [
          progress(0, { mirroredTo: mirroredTo as never, at: new Date(at).toISOString() }),
        ],
      }),
      copied: [{ ...NOTHING_COPIED, topic, recordsPerSecond }],
    }).retention

  it('goes by what was just measured', () => {
    deepStrictEqual(race(0.5), {
      topic,
      partition: 0,
      copiedPerSecond: 0.5,
      by: 'now',
      takenPerSecond: 1,
      // 400 + t / 2 = t - 3600.
      overtakenAt: new Date(now + 8_000_000).toISOString(),
    })
    deepStrictEqual(race(5)?.overtakenAt, null)
  })

  it('else by what was copied since the mark, if that was long enough', () => {
    deepStrictEqual(
      [race(null), race(0)].map((found) => [found?.by, found?.copiedPerSecond]),
      Array(2).fill(['mark', 0.0003 * 1000]),
    )
    deepStrictEqual(race(null, 400n, now - 960_000), undefined)
  })

  it('is over where nothing is left', () => {
    deepStrictEqual(statusOf(parts({ ...source, target: [[3500n, 3500n]] })).retention, undefined)
  })
})

it('tells who is in a group and how far it is behind', () => {
  deepStrictEqual(statusOf(parts({})).groups[0]?.source, {
    state: 'stable',
    members: 1,
    clients: [{ clientId: 'api-1', host: '/10.0.0.1' }],
    lag: 250,
  })
})

it('names no further stage while a partition is stopped', () => {
  const plan = aPlan({ steps: [], from: 'mirrored', to: 'mirrored' })
  const problem = diagnostic({ code: 'FERRY1301', detail: '', fix: '' })
  const next = (...found: ReturnType<typeof progress>[]) =>
    statusOf({ ...parts({ progress: found }), plan }).next.kind
  deepStrictEqual([next(), next(progress(0, { problem }))], ['edit', 'blocked'])
})

it('names no apply where others have written to the target, but one that goes back', () => {
  const foreign = progress(0, { problem: diagnostic({ code: 'FERRY1604', detail: '', fix: '' }) })
  const other = progress(0, { problem: diagnostic({ code: 'FERRY1602', detail: '', fix: '' }) })
  const next = (
    found: ReturnType<typeof progress>,
    from: StatusParts['plan']['from'],
    to: StatusParts['plan']['to'],
    seals: readonly Partial<Seal>[] = [],
  ) => statusOf({ ...parts({ progress: [found], seals }), plan: aPlan({ from, to }) }).next.kind
  deepStrictEqual(
    [
      next(foreign, 'mirrored', 'consumers-moved'),
      next(foreign, 'mirrored', 'prepared'),
      // What it stopped for may have passed.
      next(other, 'mirrored', 'consumers-moved'),
      next(foreign, 'mirrored', 'consumers-moved', [{ topic, partition: 0 }]),
    ],
    ['blocked', 'apply', 'apply', 'apply'],
  )
})

it('names apply, and no edit, where no step leads to the stage that the file asks for already', () => {
  const plan = aPlan({ steps: [], from: 'mirrored', to: 'consumers-moved' })
  deepStrictEqual(statusOf({ ...parts({}), plan }).next, {
    kind: 'apply',
    command: 'ferry apply orders',
    step: 'writing down that nothing is left to do for consumers-moved',
    gate: null,
  })
})

it('names the command, the step it begins with, and the first gate on the way', () => {
  deepStrictEqual(statusOf(parts({})).next, {
    kind: 'apply',
    command: 'ferry apply orders',
    step: 'topic orders.events',
    gate: {
      step: 'sync group orders-api',
      waitsFor: WORDS.gates(aPlan().steps.find((step) => step.kind === 'sync-group')!),
    },
  })
})
