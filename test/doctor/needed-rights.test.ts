import { describe, expect, test } from 'vitest'
import { neededOnSource, neededOnTarget } from '../../src/doctor/needed-rights.ts'
import {
  type JudgedRight,
  type MigrationRights,
  rightsSuffice,
  type SideRights,
} from '../../src/doctor/rights.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { migration, topicSpec } from '../planner/_build.ts'

/** That these rights are enough is tried on brokers: `test/scenarios/rights.test.ts`. */

const project = { name: 'shop', state: { store: 'file' } } as const
const speaking =
  (...apis: readonly string[]): Cluster['supports'] =>
  (api) =>
    apis.includes(api) ? 1 : undefined

const BEFORE_0_11 = speaking()
const BEFORE_2_8 = speaking('InitProducerId')
const SINCE_2_8 = speaking('InitProducerId', 'DescribeProducers')

const forWayBack = (
  speaks: Cluster['supports'],
  offsets: 'auto' | 'dense' = 'auto',
  warm = false,
) =>
  neededOnSource(
    migration({
      topics: [topicSpec('orders', { offsets })],
      rollback: { keepSourceWarm: warm },
    }),
    project as never,
    speaks,
  )
    .filter(({ resourceName, operation }) =>
      /^(WRITE|IDEMPOTENT_WRITE|CLUSTER_ACTION|READ ferry-mirror-shop)/.test(
        `${operation} ${resourceName}`,
      ),
    )
    .map(
      ({ operation, resourceName, without, verbs }) =>
        `${operation} ${resourceName}: ${verbs.join(' ')}${without ? ' (useful)' : ''}`,
    )

describe('what the way back needs on the source', () => {
  test('is to write as a producer, under the lock', () => {
    expect(forWayBack(SINCE_2_8, 'dense')).toEqual([
      'WRITE orders: rollback',
      'READ ferry-mirror-shop: rollback',
    ])
    expect(forWayBack(SINCE_2_8, 'dense', true)).toEqual([
      'WRITE orders: apply mirror rollback',
      'READ ferry-mirror-shop: apply mirror rollback',
    ])
  })

  test('is a right of its own for idempotent producers before 2.8, and useful to fill holes from then on', () => {
    expect(forWayBack(BEFORE_2_8)).toContain('IDEMPOTENT_WRITE kafka-cluster: rollback')
    expect(forWayBack(SINCE_2_8)).toContain('CLUSTER_ACTION kafka-cluster: rollback (useful)')
    expect(forWayBack(BEFORE_2_8).join()).not.toContain('CLUSTER_ACTION')
    expect(forWayBack(SINCE_2_8).join()).not.toContain('IDEMPOTENT_WRITE')
  })

  test('is nothing where there is no way back', () => {
    expect(forWayBack(BEFORE_0_11)).toEqual([])
  })
})

test('what a source before 0.11 knows nothing of is not needed there', () => {
  const needed = neededOnSource(migration(), project as never, BEFORE_0_11)
  expect(needed.map(({ operation, resourceType }) => `${operation} ${resourceType}`)).toEqual([
    'DESCRIBE CLUSTER',
    'READ TOPIC',
    'DESCRIBE GROUP',
    'READ GROUP',
  ])
})

test('whoever copies to the target needs the group that is the lock of the mirror', () => {
  const lock = neededOnTarget(migration(), project as never).filter(
    ({ resourceName }) => resourceName === 'ferry-mirror-shop',
  )
  expect(lock).toMatchObject([
    { operation: 'READ', verbs: ['apply', 'mirror', 'resync', 'status'] },
  ])
})

test.each([
  ['old', 'READ TOPIC orders', ['drift', 'resync', 'rollback', 'salvage']],
  ['old', 'DESCRIBE GROUP api', ['drift', 'resync', 'rollback']],
  ['new', 'DESCRIBE CLUSTER kafka-cluster', ['drift', 'resync', 'rollback']],
  ['new', 'READ TOPIC orders', ['plan', 'resync', 'salvage']],
  ['new', 'WRITE TOPIC orders', ['plan', 'resync', 'salvage']],
  ['new', 'DELETE TOPIC orders', ['resync', 'rollback']],
])('on %s %s is said to be needed by all that need it', (cluster, right, verbs) => {
  const needed =
    cluster === 'old'
      ? neededOnSource(migration(), project as never, SINCE_2_8)
      : neededOnTarget(migration(), project as never)
  const found = needed.find(
    ({ operation, resourceType, resourceName }) =>
      `${operation} ${resourceType} ${resourceName}` === right,
  )
  expect(found?.verbs).toEqual(expect.arrayContaining(verbs))
})

test('a right that is only useful is a warning, one that is needed an error', () => {
  const side = (rights: SideRights['rights']): SideRights => ({
    cluster: 'old',
    bootstrapServers: [],
    principal: 'User:ferry',
    checksAcls: true,
    rights,
  })
  const needed = neededOnSource(migration(), project as never, SINCE_2_8)
  const judged = (has: JudgedRight['has']) =>
    rightsSuffice({
      migration: 'orders',
      source: side(needed.map((right) => ({ ...right, has }))),
      target: side([]),
    } satisfies MigrationRights).problems?.map(({ severity, detail }) => `${severity} ${detail}`)
  expect(judged('yes')).toEqual([])
  // What nobody tells is neither.
  expect(judged('unknown')).toEqual([
    expect.stringMatching(
      /^warning Whether Ferry's user on old has what it needs cannot be seen: DESCRIBE on the cluster, READ on topic orders, .*, READ on group ferry-mirror-shop\. What/,
    ),
  ])
  expect(judged('no')?.filter((line) => line.startsWith('warning'))).toEqual([
    "warning Ferry's user on old lacks CLUSTER_ACTION or ALTER on the cluster. Without it offsets that were identical are dense from the seal on once the way back was taken.",
  ])
  expect(judged('no')).toContainEqual(
    expect.stringMatching(/^error .* lacks .*WRITE on topic orders; needed by .*rollback/),
  )
})
