import { describe, expect, it } from 'vitest'
import type { PartitionKey, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { GroupDescription } from '../../src/kafka/cluster.ts'
import { movedOnSource } from '../../src/steps/moved-since-sync.ts'
import {
  ACCESS,
  AT,
  group,
  groupSeen,
  migration,
  observed,
  plan,
  stateWith,
  topic,
  topicSeen,
} from '../planner/_build.ts'
import { STATE, seenOnTarget, sync } from '../planner/_moved.ts'

/** A group that was synced, and has moved on the source before its consumers were let in on the target. */

const SYNCED = { ...STATE, stage: 'mirrored' as const, seals: [], grants: [...ACCESS.atOnce] }

const planned = (
  here: Readonly<Record<string, bigint>>,
  parts: {
    readonly state?: Partial<MigrationState>
    readonly there?: Readonly<Record<string, bigint>>
    readonly members?: boolean
    readonly access?: boolean
    readonly description?: Partial<GroupDescription>
    readonly allowRewind?: boolean
  } = {},
) => {
  const member = { memberId: 'm', clientId: 'api-1', host: '/10.0.0.7' }
  const target = seenOnTarget(1000n)
  const { problems, steps } = plan({
    desired: migration({
      stage: 'consumers-moved',
      ...(parts.access === false && { access: [] }),
      groups: [
        {
          ...migration().groups[0]!,
          uncommitted: 'absent',
          uncommittedSaid: true,
          allowRewind: parts.allowRewind ?? false,
        },
      ],
    }),
    observed: observed({
      source: {
        topics: new Map([
          [
            topic('orders'),
            topicSeen('orders', [
              [100n, 1100n],
              [0n, 0n],
            ]),
          ],
        ]),
        groups: new Map([[group('api'), groupSeen('api', here)]]),
      },
      target: {
        ...target,
        groups: new Map([
          [
            group('api'),
            groupSeen('api', parts.there ?? { 'orders:0': 500n }, {
              ...parts.description,
              ...(parts.members && { members: [member] }),
            }),
          ],
        ]),
      },
    }),
    state: stateWith({ ...SYNCED, ...parts.state }),
  })
  const refused = problems.find(({ code }) => code === 'FERRY1703' || code === 'FERRY1707')
  return {
    again: steps.flatMap((step) =>
      step.kind === 'sync-group' ? [step.onlyGone ? `gone: ${step.reason}` : step.reason] : [],
    ),
    refused: refused && `${refused.detail} ${refused.fix}`,
    ...(refused?.severity === 'warning' && { isWarning: true }),
  }
}

const NOTHING = { again: [], refused: undefined }
const AGAIN = { again: ['it has moved on old since it was synced'], refused: undefined }

describe('a group that was synced', () => {
  it('stays so where it is still where the sync took it from, or its commit has expired', () => {
    expect(planned({ 'orders:0': 600n })).toEqual(NOTHING)
    expect(planned({})).toEqual(NOTHING)
    // Of no topic of the migration, or in a partition that came since: neither was part of the sync.
    expect(planned({ 'orders:0': 600n, 'others:0': 3n, 'orders:7': 3n })).toEqual(NOTHING)
  })

  it('is synced again where it has moved on the source and nobody was on the target', () => {
    expect(planned({ 'orders:0': 650n })).toEqual(AGAIN)
    // Where it had none, too: there it would read all of it again.
    expect(planned({ 'orders:0': 600n, 'orders:1': 7n })).toEqual(AGAIN)
  })

  it.each([
    ['it has read there', { there: { 'orders:0': 510n } }, /at 510 of orders:0 .* back to 500 and/],
    [
      'it has one where none was written',
      { there: { 'orders:0': 500n, 'orders:1': 0n } },
      /at 0 of orders:1 .* back to none/,
    ],
    ['it runs there', { members: true }, /consumers run on new: api-1 on/],
    [
      'consumers were let in',
      { state: { grants: [...ACCESS.atOnce, ...ACCESS.afterSync] } },
      /let in on new already\. .*`ferry rollback orders --to mirrored`/,
    ],
  ])('is not where %s: the plan says what to do', (_, parts, refused) => {
    const found = planned({ 'orders:0': 650n }, parts)
    expect(found.again).toEqual([])
    expect(found.refused).toMatch(/api is at 650 of orders:0 on old and was synced at 600/)
    expect(found.refused).toMatch(refused)
    // Without a move on the source none of that matters.
    expect(planned({ 'orders:0': 600n }, parts).refused).toBeUndefined()
  })

  it('lives on the target once the stage is reached: what is committed on the source is no position of it', () => {
    const reached = { stage: 'consumers-moved' as const }
    const letIn = { ...reached, grants: [...ACCESS.atOnce, ...ACCESS.afterSync] }
    expect(planned({ 'orders:0': 650n }, { state: letIn })).toEqual(NOTHING)
    // Where Ferry lets nobody in, only its commits tell.
    const byHand = { state: reached, access: false }
    expect(planned({ 'orders:0': 650n }, byHand)).toEqual(AGAIN)
    expect(planned({ 'orders:0': 650n }, { ...byHand, there: { 'orders:0': 501n } })).toEqual(
      NOTHING,
    )
  })
})

describe('a group whose positions on the target are gone', () => {
  const GONE = {
    again: ['gone: what the sync wrote on new is gone: it expired or was deleted'],
    refused: undefined,
  }
  const absent = { state: 'absent', protocolType: '' } as const
  const simple = { state: 'empty', protocolType: '' } as const
  const letIn = { grants: [...ACCESS.atOnce, ...ACCESS.afterSync] }
  const reached = { ...letIn, stage: 'consumers-moved' as const }
  const two = { syncs: [sync({ 'orders:0': [600n, 500n], 'orders:1': [7n, 7n] })] }

  it.each([
    ['as a whole', { state: two, there: {}, description: absent }],
    ['in a part', { state: two, there: { 'orders:1': 7n }, description: simple }],
    [
      'in a part, behind the moment at which consumers were let in: what is left was never touched',
      { state: { ...two, ...reached }, there: { 'orders:1': 7n }, description: simple },
    ],
  ])('gets them again where nobody has run there: %s', (_, parts) => {
    const here = { 'orders:0': 600n, 'orders:1': 7n }
    expect(planned(here, parts)).toEqual(GONE)
    // The source forgets as well: the state knows.
    expect(planned({}, parts)).toEqual(GONE)
  })

  it('is synced anew where it has moved on the source instead', () => {
    const parts = { there: {}, description: absent }
    expect(planned({ 'orders:0': 650n }, parts)).toEqual(AGAIN)
  })

  const returned = { group: group('api'), status: 'pending', at: AT, of: AT, positions: new Map() }
  it.each([
    ['they were let in', { state: letIn }, /as they were let in there/],
    ['the stage is reached', { state: reached }, /as they were let in there/],
    [
      'the stage is reached, and access is nothing of Ferry',
      { state: { stage: 'consumers-moved' as const }, access: false },
      /as it counts as moved there/,
    ],
    ['the group has had members', { description: { state: 'empty' } }, /has had members there/],
    [
      'it is one of the new protocol',
      { description: { state: 'empty', type: 'consumer', protocolType: '' } },
      /has had members there/,
    ],
    ['it runs before it was let in', { members: true }, /consumers run there: api-1/],
    [
      'it stands elsewhere in another partition',
      { state: two, there: { 'orders:1': 8n }, description: simple },
      /at 8 of orders:1 there/,
    ],
    [
      'what is left was written again, which a whole new group may hold',
      {
        state: {
          ...reached,
          syncs: [
            {
              ...two.syncs[0]!,
              positions: new Map(
                [...two.syncs[0]!.positions].map(([key, p]) => [key, { ...p, at: AT }]),
              ),
            },
          ],
        },
        there: { 'orders:1': 7n },
        description: simple,
      },
      /as they were let in there/,
    ],
    ['a rollback has begun', { state: { returns: [returned] } }, /rollback has begun/],
  ] as const)('is not written where somebody may have run there: %s', (_, parts, because) => {
    const given = { there: {}, description: absent, ...parts } as Parameters<typeof planned>[1]
    const found = planned({ 'orders:0': 600n }, given)
    expect(found.again).toEqual([])
    expect(found.refused).toMatch(/no position any more in orders:0 on new/)
    expect(found.refused).toMatch(because)
    expect(found.refused).toMatch(/--allow-rewind api/)
    expect(found).not.toHaveProperty('isWarning')
    const allowed = planned({ 'orders:0': 600n }, { ...given, allowRewind: true })
    if (given?.members) expect(allowed.refused).toBeDefined()
    else expect(allowed).toEqual(GONE)
  })

  it('is told, and nothing more, where its consumers live on the target', () => {
    const found = planned({ 'orders:0': 600n }, { there: {}, state: reached, members: true })
    expect(found).toMatchObject({ again: [], isWarning: true })
    expect(found.refused).toMatch(/api runs on new and has no position any more in orders:0/)
  })

  it('does not matter any more once all is over', () => {
    const retired = { stage: 'retired' as const }
    expect(planned({}, { there: {}, description: absent, state: retired })).toEqual(NOTHING)
  })
})

describe('a partition that came since the group was synced', () => {
  const NEW = { again: ['partitions came since it was synced'], refused: undefined }
  // Between the intent and the end: the commit on the target may be there or not.
  const left = {
    syncs: [
      {
        ...sync({ 'orders:0': [600n, 500n] }),
        adding: sync({ 'orders:1': [7n, 7n] }).positions,
      },
    ],
  }
  const here = { 'orders:0': 600n, 'orders:1': 7n }
  const ours = { 'orders:0': 500n, 'orders:1': 7n }
  const letIn = { grants: [...ACCESS.atOnce, ...ACCESS.afterSync] }

  it.each([
    ['with its commit', ours],
    ['without', { 'orders:0': 500n }],
  ])('is synced where a run that died left it, %s', (_, there) => {
    expect(planned(here, { state: left, there })).toEqual(NEW)
    expect(planned({ 'orders:0': 600n }, { state: left, there })).toEqual(NEW)
    const reached = { ...left, ...letIn, stage: 'consumers-moved' as const }
    expect(planned(here, { state: reached, there })).toEqual(NEW)
    expect(planned({ ...here, 'orders:1': 9n }, { state: reached, there })).toEqual(NEW)
  })

  it('takes all of the group along where it moves on the source in that moment: our own commit is nobody else', () => {
    const moved = { ...here, 'orders:1': 9n }
    expect(planned(moved, { state: left, there: ours })).toEqual(AGAIN)
    expect(planned(moved, { state: left, there: { ...ours, 'orders:1': 8n } }).refused).toMatch(
      /at 8 of orders:1/,
    )
    expect(planned(moved, { state: left, there: { 'orders:1': 7n } }).refused).toMatch(
      /no position any more in orders:0/,
    )
  })

  it('is synced where a run died behind its mark, whatever the clocks of the two runs said', () => {
    const [first, second] = SYNCED.marks
    const reached = (marked: readonly (readonly [TopicName, number])[], at = AT) => ({
      ...letIn,
      stage: 'consumers-moved' as const,
      marks: [first!, { ...second!, at }],
      syncs: SYNCED.syncs.map((each) => ({ ...each, marked: new Map(marked) })),
    })
    const one = [[topic('orders'), 1]] as const
    for (const at of ['2000-01-01T00:00:00.000Z', AT, '2100-01-01T00:00:00.000Z']) {
      expect(planned(here, { state: reached(one, at) })).toEqual(NEW)
      expect(planned({ 'orders:0': 600n }, { state: reached(one, at) })).toEqual(NOTHING)
      const there = { 'orders:0': 500n, 'orders:1': 8n }
      expect(planned(here, { state: reached(one, at), there })).toEqual(NOTHING)
      expect(planned(here, { state: reached([[topic('orders'), 2]], at) })).toEqual(NOTHING)
      // Nor otherwise where all of the topic was added.
      expect(planned(here, { state: reached([], at) })).toEqual(NEW)
    }
  })
})

it('a group has not moved where the sync took it back, or a rollback has put it', () => {
  const at = (offset: bigint) =>
    new Map([['orders:0' as PartitionKey, { offset, metadata: '', leaderEpoch: -1 }]])
  const state = stateWith(SYNCED)
  const [key, position] = [...sync({ 'orders:0': [600n, 500n] }).positions][0]!
  const rewound = {
    ...sync({}),
    positions: new Map([[key, { ...position, rewoundFrom: 620n as SourceOffset }]]),
  }
  expect(movedOnSource(state, rewound, at(620n))).toBeUndefined()
  expect(movedOnSource(state, rewound, at(600n))).toMatchObject({ key, synced: 620n, now: 600n })
  const returned = {
    group: group('api'),
    status: 'done' as const,
    positions: new Map([
      [key, { source: 700n as SourceOffset, target: 600n, previous: null, metadata: '' }],
    ]),
  }
  const plain = sync({ 'orders:0': [600n, 500n] })
  expect(movedOnSource({ ...state, returns: [{ ...returned, at: AT }] }, plain, at(700n))).toBe(
    undefined,
  )
  const earlier = { ...returned, at: '2020-01-01T00:00:00.000Z' }
  const over = [earlier, { ...returned, at: '2100-01-01T00:00:00.000Z', of: earlier.at }]
  for (const each of over) {
    expect(movedOnSource({ ...state, returns: [each] }, plain, at(700n))).toMatchObject({
      now: 700n,
    })
  }
  const told = [{ ...earlier, of: plain.at }]
  expect(movedOnSource({ ...state, returns: told }, plain, at(700n))).toBe(undefined)
})
