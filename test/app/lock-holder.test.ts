import { expect, test } from 'vitest'
import { operationOf } from '../../src/app/lock-holder.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import type { Purpose } from '../../src/domain/plan.ts'

const topics = ['a', 'b', 'c', 'd', 'e'] as readonly string[] as readonly TopicName[]

test.each<readonly [string, Purpose]>([
  ['apply orders to mirrored', { kind: 'migrate' }],
  ['rollback orders to prepared', { kind: 'rollback', to: 'prepared' }],
  ['resync orders, topics a', { kind: 'resync', topics: topics.slice(0, 1) }],
  ['resync orders, topics a, b, c and 2 more', { kind: 'resync', topics }],
  ['resync orders, accepted gaps a:0:1-2', { kind: 'accept-gap', gaps: ['a:0:1-2'] }],
])('whoever finds the lock taken reads: %s', (says, purpose) => {
  expect(operationOf({ migration: 'orders', purpose, to: 'mirrored' })).toBe(says)
})
