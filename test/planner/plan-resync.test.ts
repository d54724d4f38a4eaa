import { describe, expect, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { PartitionKey, SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import type { ForgetMark } from '../../src/domain/step.ts'
import { forgetMark } from '../../src/steps/forget-mark.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { fullState } from '../state/samples.ts'
import {
  AT,
  group,
  migration,
  observed,
  plan,
  stateWith,
  topic,
  topicSeen,
  topicSpec,
} from './_build.ts'

const marks = (mode: 'identical' | 'dense') =>
  [0, 1].map((partition) => ({
    ...fullState(1).marks[0]!,
    topic: topic('orders'),
    partition,
    sourceStart: 0n as SourceOffset,
    targetStart: 0n as TargetOffset,
    targetTopicId: 'id-orders',
    mode,
  }))

const state = (mode: 'identical' | 'dense', more = {}) =>
  stateWith({
    stage: 'mirrored',
    createdTopics: [topic('orders')],
    marks: marks(mode),
    ...more,
  })

const world = (sourceStart: bigint, targetEnd: bigint) =>
  observed({
    source: {
      topics: new Map([
        [
          topic('orders'),
          topicSeen('orders', [
            [sourceStart, 1100n],
            [sourceStart, 1100n],
          ]),
        ],
      ]),
    },
    target: {
      topics: new Map([
        [
          topic('orders'),
          topicSeen(
            'orders',
            [
              [0n, targetEnd],
              [0n, targetEnd],
            ],
            { 'retention.ms': '7' },
          ),
        ],
      ]),
    },
  })

const foreign = new Map([
  [
    'orders:0' as PartitionKey,
    {
      topic: topic('orders'),
      partition: 0,
      producerId: marks('dense')[0]!.producerId,
      problem: { code: 'FERRY1604', severity: 'error', summary: 's', detail: 'theirs', fix: 'f' },
    } as unknown as PartitionProgress,
  ],
])

type Parts = NonNullable<Parameters<typeof plan>[0]>
const resync = (parts: Parts = {}) =>
  plan({
    desired: migration({ stage: 'mirrored' }),
    state: state('dense'),
    observed: world(0n, 1100n),
    purpose: { kind: 'resync', topics: [topic('orders')] },
    ...parts,
  })
const kinds = (parts: Parts = {}) => resync(parts).steps.map((s) => s.kind)
const errors = (parts: Parts = {}) =>
  resync(parts)
    .problems.filter((p) => p.severity === 'error')
    .map((p) => p.code)
const dense = { desired: migration({ topics: [topicSpec('orders', { offsets: 'dense' })] }) }

describe('a resync', () => {
  it('empties a dense topic, marks it anew, copies and looks', () => {
    expect(kinds(dense)).toEqual(['forget-mark', 'mark-topic', 'mirror-topic', 'verify-topic'])
    expect(resync(dense)).toMatchObject({
      from: 'mirrored',
      to: 'mirrored',
      invariants: [],
      steps: [
        { purge: 'copy', undo: { cost: 'copies-back' } },
        { mode: 'dense' },
        {},
        // What it empties lies below the new mark.
        { durableAfterMs: 66_000 },
      ],
    })
    expect(errors(dense)).toEqual([])
  })

  it('copies no further than the migration had come', () => {
    const early = { ...dense, state: state('dense', { stage: 'prepared' }) }
    expect(kinds(early)).toEqual(['forget-mark', 'mark-topic'])
  })

  it('deletes what others wrote only on confirmation', () => {
    expect(resync({ ...dense, progress: foreign }).steps[0]).toMatchObject({
      purge: 'all',
      undo: { cost: 'impossible' },
    })
  })

  it('primes on from where the target ends, if the source begins behind it', () => {
    const parts = { state: state('identical'), observed: world(900n, 800n) }
    expect(kinds(parts)).toEqual(['forget-mark', 'mark-topic', 'mirror-topic', 'verify-topic'])
    expect(resync(parts).steps[1]).toMatchObject({ mode: 'identical', prime: '1800' })
  })

  it('makes the topic anew where it cannot prime: one that Ferry made and that holds nothing but its copy', () => {
    const parts = { state: state('identical') }
    expect(resync(parts).steps.slice(0, 4)).toMatchObject([
      { kind: 'forget-mark', purge: 'copy' },
      { kind: 'delete-topic', undo: { cost: 'impossible' }, topicId: 'id-orders' },
      { kind: 'create-topic', configs: { 'retention.ms': '7' }, replicationFactor: 3 },
      { kind: 'mark-topic', mode: 'identical' },
    ])
  })

  it.each([
    ['it is not of Ferry', { state: state('identical', { createdTopics: [] }) }],
    ['it holds what others wrote', { state: state('identical'), progress: foreign }],
  ])('goes on with dense offsets where the topic may not be deleted: %s', (_, parts) => {
    expect(kinds(parts)).not.toContain('delete-topic')
    expect(resync(parts).steps.find((s) => s.kind === 'mark-topic')).toMatchObject({
      mode: 'dense',
    })
    const identical = migration({ topics: [topicSpec('orders', { offsets: 'identical' })] })
    expect(errors({ ...parts, desired: identical })).toEqual(['FERRY1309'])
  })

  it('creates a topic that was deleted', () => {
    const gone = { ...world(0n, 0n), target: { ...world(0n, 0n).target, topics: new Map() } }
    expect(kinds({ ...dense, observed: gone }).slice(0, 3)).toEqual([
      'forget-mark',
      'create-topic',
      'mark-topic',
    ])
  })

  it('names every group that loses positions', () => {
    const readers = new Map([
      [
        topic('orders'),
        [
          { group: group('nosy'), positions: 1 },
          { group: group('old'), positions: 2 },
        ],
      ],
    ])
    expect(resync({ ...dense, readers }).steps[0]).toMatchObject({
      losing: [
        { group: 'nosy', positions: 1 },
        { group: 'old', positions: 2 },
      ],
    })
  })

  it('is refused once anybody counts on the copy, and without a mark', () => {
    const sync = { group: group('api'), status: 'done' as const, at: AT, positions: new Map() }
    expect(errors({ ...dense, state: state('dense', { syncs: [sync] }) })).toEqual(['FERRY1333'])
    const moved = state('dense', { stage: 'consumers-moved' })
    expect(errors({ ...dense, state: moved })).toEqual(['FERRY1333'])
    const unmarked = { marks: [] }
    expect(
      errors({ ...dense, state: state('dense', { ...unmarked, stage: 'prepared' }) }),
    ).toContain('FERRY1333')
    // What it holds is nobody's copy then.
    expect(errors({ ...dense, state: state('dense', unmarked) })).toEqual(['FERRY1305'])
  })

  it('of half a sync puts its commits back first', () => {
    const sync = { group: group('api'), status: 'pending' as const, at: AT, positions: new Map() }
    expect(kinds({ ...dense, state: state('dense', { syncs: [sync] }) })[0]).toBe('restore-group')
  })

  it('goes on where it was left between two steps: the mark is gone, the topic empty, or gone too', () => {
    const emptied = topicSeen('orders', [
      [1000n, 1000n],
      [1000n, 1000n],
    ])
    const target = { topics: new Map([[topic('orders'), emptied]]) }
    const there = { ...world(0n, 0n), target: observed({ target }).target }
    const left = (now: Parameters<typeof stateWith>[0], seen = there) =>
      plan({
        desired: migration({ stage: 'mirrored' }),
        state: state('identical', { marks: [], ...now }),
        observed: seen,
        purpose: { kind: 'resync', topics: [topic('orders')] },
      })
    const again = left({})
    expect(again.problems).toEqual([])
    expect(again.steps.map(({ id }) => id)).toEqual([
      'forget-mark/orders',
      'delete-topic/orders',
      'create-topic/orders',
      'mark-topic/orders',
      'mirror-topic/orders',
      'verify-topic/orders',
    ])
    expect(again.steps).toMatchObject([{}, {}, {}, { mode: 'identical' }, {}, {}])
    const absent = { ...world(0n, 0n), target: observed().target }
    expect(left({ createdTopics: [] }, absent).steps.map(({ kind }) => kind)).toEqual([
      'forget-mark',
      'create-topic',
      'mark-topic',
      'mirror-topic',
      'verify-topic',
    ])
    // One that was never mirrored has nothing to do anew.
    expect(left({ stage: 'prepared' }).problems.map(({ code }) => code)).toContain('FERRY1333')
  })
})

describe('a mark that was begun behind a copy that was given up by half', () => {
  const intent = { ...fullState(1).markIntents[0]!, topic: topic('orders') }
  const copiedBackTo = [{ partition: 0, end: 7n }]
  const purge = { topic: topic('orders'), marks: marks('dense'), intent: null, copiedBackTo }

  /** The purge as it is written down before anything is deleted: the run ends there. */
  const putAside = async (topicId: string, change: object) => {
    const ended = new Error('written')
    let now = state('dense', { purges: [purge], markIntents: [intent], ...change })
    const [step] = resync({ ...dense, state: state('dense') }).steps
    const description = { ...topicSeen('orders', [[0n, 5n]]).description, topicId }
    const run = {
      clusters: {
        target: { describeTopics: async () => ({ ok: new Map([['orders', description]]) }) },
      },
      state: () => now,
      decide: async (decide: (state: typeof now) => typeof now) => {
        now = decide(now)
        throw ended
      },
    } as unknown as Run
    await expect(forgetMark.apply(step as ForgetMark, run)).rejects.toBe(ended)
    return now.purges
  }

  it('leaves it known whose the copy is, unless it went with its topic', async () => {
    const begun = { marks: [] }
    expect(await putAside('id-orders', begun)).toEqual([{ ...purge, intent }])
    expect(await putAside('id-anew', begun)).toEqual([{ topic: 'orders', marks: [], intent }])
    // A mark that was made since is the one that counts.
    const made = marks('identical')
    expect(await putAside('id-orders', { marks: made, markIntents: [] })).toEqual([
      { topic: 'orders', marks: made, intent: null },
    ])
  })
})

describe('a copy that somebody deleted on the target', () => {
  const without = { ...world(0n, 1100n), target: observed().target }
  const forwards = (parts: Parts = {}) =>
    plan({
      desired: migration({ stage: 'mirrored' }),
      state: state('dense'),
      observed: without,
      ...parts,
    })

  it('is named with the way on, and no empty topic is made in its place', () => {
    const { steps, problems } = forwards()
    expect(steps.map(({ id }) => id)).not.toContain('create-topic/orders')
    expect(problems).toContainEqual(
      expect.objectContaining({
        code: 'FERRY1321',
        severity: 'error',
        detail: 'orders on new is gone: what was mirrored into it is not there any more.',
        fix: 'Find out who deleted it, then make the copy anew: `ferry resync orders --topic orders`.',
      }),
    )
    // The way on does not run into the same.
    expect(errors({ ...dense, observed: without })).toEqual([])
  })

  it('is not said to be gone where it could only not be described', () => {
    const failed = diagnostic({ code: 'FERRY1301', detail: 'no answer', fix: '' })
    const { problems } = forwards({ observed: { ...without, problems: [failed] } })
    expect(problems).toContainEqual(failed)
    expect(problems.map(({ code }) => code)).not.toContain('FERRY1321')
  })

  it('also where another topic has its name, and where groups have moved into it', () => {
    const anew = topicSeen('orders', [
      [0n, 0n],
      [0n, 0n],
    ])
    const another = { ...anew, description: { ...anew.description, topicId: 'id-anew' } }
    const seen = {
      ...without,
      target: observed({ target: { topics: new Map([[topic('orders'), another]]) } }).target,
    }
    const sync = { group: group('api'), status: 'done' as const, at: AT, positions: new Map() }
    const moved = state('dense', { stage: 'consumers-moved', syncs: [sync] })
    const { problems } = forwards({
      observed: seen,
      state: moved,
      desired: migration({ stage: 'consumers-moved' }),
    })
    expect(problems).toContainEqual(
      expect.objectContaining({
        code: 'FERRY1321',
        detail: expect.stringContaining('has id id-anew, but had id-orders at the mark'),
        fix: expect.stringContaining('`ferry rollback orders --to mirrored`'),
      }),
    )
  })

  it('is nothing of Ferry any more once the migration is retired, nor is the one that is there', () => {
    const retired = state('dense', { stage: 'retired' })
    const codes = [
      forwards({ state: retired, desired: migration({ stage: 'retired' }) }),
      forwards({ observed: world(0n, 1100n) }),
    ].flatMap(({ problems }) => problems.map(({ code }) => code))
    expect(codes).not.toContain('FERRY1321')
  })
})

describe('a copy whose giving up was begun and left', () => {
  const purges = [{ topic: topic('orders'), marks: marks('dense'), intent: null }]
  const left = (parts: Parts = {}) =>
    plan({
      desired: migration({ stage: 'mirrored', users: [], access: [] }),
      state: state('dense', { marks: [], purges }),
      observed: world(0n, 1100n),
      ...parts,
    })

  it('is emptied before the topic is marked again, as what it is: the own copy', () => {
    const { steps, problems } = left()
    expect(steps.map(({ id }) => id)).toEqual([
      'configure-topic/protective/orders',
      'forget-mark/orders',
      'mark-topic/orders',
      'mirror-topic/orders',
      'verify-topic/orders',
    ])
    expect(steps.slice(1)).toMatchObject([
      { purge: 'copy', records: '2200' },
      { because: expect.stringContaining('log end') },
      {},
      {},
    ])
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  it('is left where a mark was made since, and where its topic is gone or another one', () => {
    const kindsOf = (parts: Parts) => left(parts).steps.map(({ kind }) => kind)
    expect(kindsOf({ state: state('dense', { purges }) })).not.toContain('forget-mark')
    const gone = { ...world(0n, 1100n), target: observed().target }
    expect(kindsOf({ observed: gone })).toEqual([
      'create-topic',
      'mark-topic',
      'mirror-topic',
      'verify-topic',
    ])
  })
})
