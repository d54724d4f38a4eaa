import { describe, expect, it } from 'vitest'
import type { Managed } from '../../src/domain/drift.ts'
import type { PartitionKey, SourceOffset } from '../../src/domain/ids.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import {
  driftBetween,
  factsOf,
  isComparable,
  seenOf,
  stillListed,
} from '../../src/planner/drift.ts'
import { managedOf } from '../../src/planner/managed.ts'
import type { Observed, ObservedSide } from '../../src/planner/observed.ts'
import {
  ACCESS,
  AT,
  group,
  groupSeen,
  migration,
  observed,
  replicated,
  stateWith,
  topic,
  topicSeen,
} from './_build.ts'
import { mark } from './_moved.ts'

const DESIRED = migration({
  users: [
    {
      name: 'api',
      mechanism: 'scram-sha-512',
      passwordVersion: 1,
      password: undefined as never,
      at: undefined as never,
    },
  ],
  quotas: [
    { user: 'api', producerByteRate: 5, consumerByteRate: undefined, at: undefined as never },
  ],
})

const MANAGED = managedOf(DESIRED)

const STATE = stateWith({
  syncs: [
    {
      group: group('api'),
      status: 'done',
      at: AT,
      positions: new Map([
        [
          'orders:0' as PartitionKey,
          {
            source: 600n as SourceOffset,
            target: 500n,
            previous: null,
            metadata: '',
            proof: 'record',
          },
        ],
      ]),
    },
  ],
})

const target = (parts: Partial<ObservedSide> = {}): Observed =>
  observed({
    target: {
      topics: new Map([
        [topic('orders'), topicSeen('orders', [[0n, 9n]], { 'retention.ms': '7' })],
      ]),
      groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 500n })]]),
      acls: ACCESS.atOnce,
      users: new Map([['api', new Set(['scram-sha-512' as const])]]),
      quotas: new Map([['api', { producerByteRate: 5, consumerByteRate: undefined }]]),
      ...parts,
    },
  })

const facts = (
  seen: Observed,
  { managed = MANAGED, state = STATE }: { managed?: Managed; state?: MigrationState } = {},
) => factsOf(managed, seen, state, DESIRED.order)

const topics = (overrides: Readonly<Record<string, string>>, partitions = 1) => ({
  topics: new Map([
    [
      topic('orders'),
      topicSeen(
        'orders',
        Array.from({ length: partitions }, () => [0n, 9n] as const),
        overrides,
      ),
    ],
  ]),
})

const drift = (parts: Partial<ObservedSide>) =>
  driftBetween(facts(target()), facts(target(parts))).map(
    ({ what, was, is }) => `${what}: ${was} -> ${is}`,
  )

describe('drift', () => {
  it('is nothing while records flow and the group reads on', () => {
    expect(drift({})).toEqual([])
    const further = {
      topics: new Map([
        [topic('orders'), topicSeen('orders', [[3n, 900n]], { 'retention.ms': '7' })],
      ]),
      groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 777n })]]),
    }
    expect(drift(further)).toEqual([])
  })

  it.each([
    ['a config', topics({ 'retention.ms': '8' }), 'retention.ms of topic orders on new: 7 -> 8'],
    ['an override', topics({}), 'retention.ms of topic orders on new: 7 -> null'],
    [
      'more partitions',
      topics({ 'retention.ms': '7' }, 2),
      'partitions of topic orders on new: 1 -> 2',
    ],
    [
      'an ACL that was taken',
      { acls: ACCESS.atOnce.slice(1) },
      'ACL TOPIC|LITERAL|orders|User:orders-api|*|READ|ALLOW on new: there -> null',
    ],
    [
      'an ACL of somebody else on a topic of ours',
      { acls: [...ACCESS.atOnce, { ...ACCESS.atOnce[0]!, principal: 'User:x' }] },
      'ACL TOPIC|LITERAL|orders|User:x|*|READ|ALLOW on new: null -> there',
    ],
    [
      'another replication factor',
      {
        topics: new Map([
          [
            topic('orders'),
            replicated(topicSeen('orders', [[0n, 9n]], { 'retention.ms': '7' }), 2),
          ],
        ]),
      },
      'replication factor of topic orders on new: 3 -> 2',
    ],
    ['a user', { users: new Map() }, 'user api (scram-sha-512) on new: there -> null'],
    ['a quota', { quotas: new Map() }, 'producerByteRate of api on new: 5 -> null'],
    [
      'a commit that went back',
      { groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 3n })]]) },
      'commit of api on orders:0 on new: as synced, or read on -> 3, behind the sync at 500',
    ],
    [
      'a commit that is gone',
      { groups: new Map([[group('api'), groupSeen('api', {})]]) },
      'commit of api on orders:0 on new: as synced, or read on -> null',
    ],
  ])('is %s', (_, parts, expected) => {
    expect(drift(parts as Partial<ObservedSide>)).toEqual([expected])
  })

  it('is a config on the source', () => {
    const source = (overrides: Readonly<Record<string, string>>) =>
      facts(observed({ source: topics(overrides) }))
    expect(driftBetween(source({ 'retention.ms': '7' }), source({ 'retention.ms': '6' }))).toEqual([
      { what: 'retention.ms of topic orders on old', was: '7', is: '6' },
    ])
  })

  it('is a partition that was added on the source, and a group that reads there since', () => {
    const readers = (...ids: readonly string[]) => ({
      coverage: {
        groups: ids.map((id) => ({
          id: group(id),
          topics: [topic('orders'), topic('other')],
          members: 0,
        })),
        internalTopics: [],
        transactionalIds: null,
        acls: null,
        notVisible: [],
      },
    })
    const seen = (source: Partial<ObservedSide>) => facts(observed({ source }))
    const before = seen({ ...topics({}), ...readers('api', 'old') })
    expect(driftBetween(before, seen({ ...topics({}, 2), ...readers('api', 'late') }))).toEqual([
      { what: 'partitions of topic orders on old', was: '1', is: '2' },
      { what: 'positions of late on orders on old', was: null, is: 'there' },
    ])
    // Who cannot see them all now, or could not then, cannot tell which came.
    const hidden = { ...topics({}), coverage: { ...readers().coverage, groups: null } }
    expect(driftBetween(before, seen(hidden))).toEqual([])
    expect(driftBetween(seen(hidden), before)).toEqual([])
  })

  it('is a group that has moved and commits on the source, and not the end of that', () => {
    const at = (offset: bigint, stage: MigrationState['stage'] = 'consumers-moved') =>
      facts(
        observed({
          source: {
            groups: new Map([[group('api'), groupSeen('api', { 'orders:0': offset })]]),
          },
        }),
        { state: { ...STATE, marks: [mark(0, 100n, 0n)], stage } },
      )
    expect(driftBetween(at(600n), at(650n))).toEqual([
      {
        what: 'commit after the sync of api on orders:0 on old',
        was: null,
        is: 'at 650, synced at 600',
      },
    ])
    expect(driftBetween(at(650n), at(600n))).toEqual([])
    // Where it may still live there, and where nobody watches any more.
    expect([...at(650n, 'mirrored'), ...at(650n, 'retired')]).toEqual([
      ...at(600n, 'mirrored'),
      ...at(600n, 'retired'),
    ])
  })

  it('is a removed object that came back; not one whose line was added or taken out since', () => {
    const key = 'target/quota/left'
    const there = {
      ...observed(),
      removed: new Map([[key, { says: '', topicId: null, fixed: '' }]]),
    }
    const managed = { ...MANAGED, removed: [key] }
    const [gone, back] = [facts(observed(), { managed }), facts(there, { managed })]
    expect(driftBetween(gone, back)).toEqual([{ what: `removed ${key}`, was: null, is: 'there' }])
    expect(driftBetween(gone, facts(there))).toEqual([])
    const rates = new Map([['left', { producerByteRate: 5, consumerByteRate: undefined }]])
    const quotas = { ...managed, quotas: ['left'] }
    const withRates = { ...there, target: { ...there.target, quotas: rates } }
    expect(driftBetween(gone, facts(withRates, { managed: quotas }))).toHaveLength(1)
    expect(driftBetween(stillListed(back, []), facts(observed()))).toEqual([])
  })

  it('cannot be told from what an older version wrote down, without the configs of the source', () => {
    const seen = { at: AT, ...seenOf(DESIRED, target(), STATE) }
    const { sourceConfigs: _, ...older } = seen
    const { removed: _none, ...managed } = seen.managed
    const others = [older, { ...seen, managed }].map(isComparable)
    expect([isComparable(seen), ...others]).toEqual([true, false, false])
  })

  it('is a topic that was deleted, with all of it', () => {
    expect(drift({ topics: new Map() })).toContain('topic orders on new: id-orders -> null')
  })
})
