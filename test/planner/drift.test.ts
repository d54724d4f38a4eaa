import { describe, expect, it } from 'vitest'
import type { PartitionKey, SourceOffset } from '../../src/domain/ids.ts'
import { driftBetween, factsOf, isComparable, seenOf } from '../../src/planner/drift.ts'
import { managedOf } from '../../src/planner/managed.ts'
import type { Observed, ObservedSide } from '../../src/planner/observed.ts'
import {
  ACCESS,
  AT,
  group,
  groupSeen,
  migration,
  observed,
  stateWith,
  topic,
  topicSeen,
} from './_build.ts'

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
  driftBetween(factsOf(MANAGED, target(), STATE), factsOf(MANAGED, target(parts), STATE)).map(
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
      factsOf(MANAGED, observed({ source: topics(overrides) }), STATE)
    expect(driftBetween(source({ 'retention.ms': '7' }), source({ 'retention.ms': '6' }))).toEqual([
      { what: 'retention.ms of topic orders on old', was: '7', is: '6' },
    ])
  })

  it('cannot be told from what an older version wrote down, without the configs of the source', () => {
    const seen = { at: AT, ...seenOf(DESIRED, target(), STATE) }
    const { sourceConfigs: _, ...older } = seen
    expect([isComparable(seen), isComparable(older)]).toEqual([true, false])
  })

  it('is a topic that was deleted, with all of it', () => {
    expect(drift({ topics: new Map() })).toContain('topic orders on new: id-orders -> null')
  })
})
