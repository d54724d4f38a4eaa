import { describe, expect, it } from 'vitest'
import type { Diagnostic } from '../../src/domain/diagnostic.ts'
import type { PartitionKey } from '../../src/domain/ids.ts'
import type { Plan } from '../../src/domain/plan.ts'
import { checkAgain } from '../../src/planner/preflight.ts'
import { kindOf } from '../../src/steps/index.ts'
import { wouldSkip } from '../../src/steps/skipped.ts'
import {
  ACCESS,
  group,
  groupSeen,
  migration,
  observed,
  plan,
  stateWith,
  topic,
  topicSeen,
} from './_build.ts'
import { mark, sync } from './_moved.ts'

/** A group below the mark, where mirroring began: it must not begin behind what it has not read without anybody knowing. */

const spec = (id: string) => ({ ...migration().groups[0]!, id: group(id) })

interface Given {
  readonly startFrom?: 'earliest' | 'committed' | 'latest' | Date
  readonly stage?: 'mirrored' | 'consumers-moved'
  /** Of the source's log. */
  readonly start?: bigint
  readonly commit?: bigint
  readonly isMarked?: boolean
  /** A group that has moved already. */
  readonly moved?: boolean
}

/** Mark 100, the source holds 0 to 499; api is at 300, slow at 40. */
const planned = ({
  startFrom = 'committed',
  stage = 'consumers-moved',
  start = 0n,
  commit = 40n,
  isMarked = true,
  moved = false,
}: Given = {}) =>
  plan({
    desired: migration({
      ...{ stage, groups: [spec('api'), spec('slow')] },
      mirror: { throttle: undefined, startFrom },
    }),
    observed: observed({
      source: {
        topics: new Map([[topic('orders'), topicSeen('orders', [[start, 500n]])]]),
        groups: new Map([
          [group('api'), groupSeen('api', { 'orders:0': 300n })],
          [group('slow'), groupSeen('slow', { 'orders:0': commit })],
        ]),
      },
      target: { topics: new Map([[topic('orders'), topicSeen('orders', [[0n, 400n]])]]) },
    }),
    state: stateWith({
      ...(isMarked && { marks: [mark(0, 100n, 0n)], stage: 'mirrored' }),
      ...(moved && { syncs: [sync({ 'orders:0': [300n, 200n] })] }),
    }),
  })

const again = (saved: Given, fresh: Given, of = (plan: Plan): Plan => plan) =>
  checkAgain(
    of(planned(saved)),
    planned(fresh),
    migration({ mirror: { throttle: undefined, startFrom: fresh.startFrom ?? 'committed' } }),
  )
const said = (given?: Given) =>
  planned(given)
    .problems.filter(({ code }) => code === 'FERRY1349' || code === 'FERRY1356')
    .map(({ severity, code, detail, fix }) => `${severity} ${code} ${detail} ${fix}`)
const steps = (given?: Given) =>
  planned(given).steps.flatMap((step) =>
    step.kind === 'sync-group' ? [`${step.group}: ${kindOf(step.kind).describe(step).says}`] : [],
  )

describe('a group below the mark', () => {
  it('that nobody wants to skip records stops the plan, which names the range and the ways on', () => {
    for (const startFrom of ['committed', 'earliest'] as const) {
      const [found, ...more] = said({ startFrom })
      expect(more).toEqual([])
      expect(found).toMatch(
        /^error FERRY1356 slow has not read 60 records of orders:0 \(offsets 40 to 99\)\. old still holds that, .* slow would skip it\. Let its consumers read on on old .*`ferry resync orders --topic orders`; or take the group out/,
      )
      expect(found).not.toContain('rollback')
    }
    expect(steps()).toEqual([
      'api: 1 position, 0 skipped, 0 re-read',
      'slow: 1 position, 60 skipped (below the mark), 0 re-read',
    ])
  })

  it('is named where others have moved already: they go back before its topic is mirrored anew', () => {
    expect(said({ moved: true })).toEqual([
      expect.stringMatching(
        /^error FERRY1356 slow .*`ferry rollback orders --to mirrored` and then `ferry resync/,
      ),
    ])
  })

  it('is a warning while no group is to move yet, and as long as its consumers may read on', () => {
    expect(said({ stage: 'mirrored' })).toEqual([expect.stringMatching(/^warning FERRY1356 slow/)])
    expect(said({ commit: 100n })).toEqual([])
    expect(steps({ commit: 100n })[1]).toBe('slow: 1 position, 0 skipped, 0 re-read')
  })

  it('where the file leaves records out it is told with the counts, on every plan after the mark', () => {
    for (const startFrom of ['latest', new Date('2026-11-20T00:00:00Z')] as const) {
      for (const stage of ['mirrored', 'consumers-moved'] as const) {
        expect(said({ startFrom, stage })).toEqual([
          expect.stringMatching(
            /^warning FERRY1349 slow has not read 60 records of orders:0 \(offsets 40 to 99\) on old\. That is below the mark/,
          ),
        ])
      }
      expect(steps({ startFrom })[1]).toBe(
        'slow: 1 position, 60 skipped (below the mark), 0 re-read',
      )
    }
    // Nobody is behind.
    expect(said({ startFrom: 'latest', commit: 150n })).toEqual([])
  })

  it('whose records are gone from the source is told, and moves', () => {
    expect(said({ start: 100n })).toEqual([
      expect.stringMatching(
        /^warning FERRY1349 slow is below the log start of old: it has not read 60 records of orders:0 \(offsets 40 to 99\), which is gone there/,
      ),
    ])
    // Of what is between the mark and the log start the target has a copy.
    expect(steps({ start: 180n })[1]).toBe(
      'slow: 1 position, 60 skipped (below the mark), 0 re-read',
    )
    // Before the mark as well, which is made at the log start.
    expect(said({ start: 100n, startFrom: 'earliest', isMarked: false })).toEqual([
      expect.stringMatching(/^warning FERRY1349 slow is below the log start/),
    ])
    expect(said({ start: 70n })).toEqual([
      expect.stringMatching(/^error FERRY1356 slow has not read 30 records .*offsets 70 to 99/),
      expect.stringMatching(
        /^warning FERRY1349 slow .*30 records of orders:0 \(offsets 40 to 69\)/,
      ),
    ])
  })

  it('before the mark, the step says what it will skip where the file leaves records out', () => {
    expect(steps({ startFrom: 'latest', isMarked: false })).toContain(
      'slow: 1 position, what it has not read before the end of the log skipped, 0 re-read',
    )
    // The mark will be at the lowest commit.
    expect(said({ isMarked: false })).toEqual([])
    expect(steps({ isMarked: false })).toContain('slow: 1 position, 0 skipped, 0 re-read')
  })

  it('a saved plan is not stale because it reads on, and is refused once it would skip what nobody wants to', () => {
    const latest = { startFrom: 'latest' } as const
    expect(again(latest, { ...latest, commit: 60n })).toEqual([])
    expect(again({ commit: 100n }, {})).toMatchObject([{ code: 'FERRY1356' }])
  })

  it('a saved plan that says nothing of what a group would skip is stale before anybody stops, where the file leaves records out', () => {
    const codes = (found: readonly Diagnostic[]) => found.map(({ code }) => code)
    const unsaid = (step: string) => [
      {
        code: 'FERRY1401',
        detail: expect.stringContaining(`this changed: the step ${step} skips records that`),
        fix: expect.stringContaining('Make a new plan'),
      },
    ]
    for (const startFrom of ['latest', new Date('2026-11-20T00:00:00Z')] as const) {
      // The group was past the mark, and was reset.
      expect(again({ startFrom, commit: 100n }, { startFrom })).toMatchObject(
        unsaid('sync-group/slow'),
      )
      expect(again({ startFrom }, { startFrom, commit: 100n })).toEqual([])
      // A version that did not count them has made it.
      const older = (plan: Plan): Plan => ({
        ...plan,
        steps: plan.steps.map((step) => {
          if (step.kind !== 'sync-group') return step
          const { skipped, skipsBefore, ...rest } = step
          return rest
        }),
      })
      expect(again({ startFrom }, { startFrom }, older)).toMatchObject(unsaid('sync-group/slow'))
      const open = { startFrom, isMarked: false }
      expect(again(open, open, older)).toMatchObject([
        {
          detail: expect.stringMatching(/step sync-group\/api skips.*step sync-group\/slow skips/),
        },
      ])
      expect(codes(again(open, open))).not.toContain('FERRY1401')
    }
    // What is gone is on no cluster: nobody decides about it.
    const gone = { startFrom: 'earliest', isMarked: false } as const
    const now = { ...gone, start: 100n }
    expect(steps(now).join()).toContain('60 skipped')
    expect(codes(again(gone, now))).not.toContain('FERRY1401')
  })

  it('is refused at apply with advice that the file does not follow already', () => {
    const held = [{ key: 'orders:0' as PartitionKey, mark: 100n, held: 60n, gone: 0n, from: 40n }]
    const fix = (startFrom: 'committed' | 'latest') =>
      wouldSkip(
        migration({ mirror: { throttle: undefined, startFrom } }),
        { syncs: [], seals: [] },
        'old',
        { group: group('slow'), held },
      ).fix
    expect(fix('committed')).toMatch(/`mirror\.startFrom: latest` in the file says so\.$/)
    expect(fix('latest')).toContain('make a new plan, which counts them, and have it reviewed')
    expect(fix('latest')).not.toContain('startFrom: latest')
  })

  it('only partitions that came since are looked at once it was synced', () => {
    const both = { 'orders:0': [40n, 0n] } as const
    const { problems } = plan({
      desired: migration({ stage: 'consumers-moved' }),
      observed: observed({
        source: {
          topics: new Map([
            [
              topic('orders'),
              topicSeen('orders', [
                [0n, 500n],
                [0n, 50n],
              ]),
            ],
          ]),
          groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 40n, 'orders:1': 3n })]]),
        },
        target: {
          topics: new Map([
            [
              topic('orders'),
              topicSeen('orders', [
                [0n, 400n],
                [0n, 0n],
              ]),
            ],
          ]),
          groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 0n })]]),
        },
      }),
      state: stateWith({
        stage: 'consumers-moved',
        grants: ACCESS.afterSync,
        marks: [mark(0, 100n, 0n), mark(1, 10n, 0n)],
        syncs: [{ ...sync(both), marked: new Map([[topic('orders'), 1]]) }],
      }),
    })
    const found = problems.filter(({ code }) => code === 'FERRY1356')
    expect(found.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/^api has not read 7 records of orders:1 \(offsets 3 to 9\)\. old/),
    ])
  })

  it('names a few partitions, and counts the rest', () => {
    const key = (partition: number) => `orders:${partition}` as PartitionKey
    const of = <V>(value: (partition: number) => V) => Array.from({ length: 7 }, (_, p) => value(p))
    const { problems } = plan({
      desired: migration({ stage: 'consumers-moved' }),
      observed: observed({
        source: {
          topics: new Map([
            [
              topic('orders'),
              topicSeen(
                'orders',
                of(() => [0n, 500n]),
              ),
            ],
          ]),
          groups: new Map([
            [group('api'), groupSeen('api', Object.fromEntries(of((p) => [key(p), 40n])))],
          ]),
        },
        target: {
          topics: new Map([
            [
              topic('orders'),
              topicSeen(
                'orders',
                of(() => [0n, 1n]),
              ),
            ],
          ]),
        },
      }),
      state: stateWith({ stage: 'mirrored', marks: of((p) => mark(p, 100n, 0n)) }),
    })
    expect(problems.find(({ code }) => code === 'FERRY1356')?.detail).toMatch(
      /orders:4 \(offsets 40 to 99\), and 120 records of 2 partitions more\. old/,
    )
  })
})
