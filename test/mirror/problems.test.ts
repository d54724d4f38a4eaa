import { doesNotMatch, match } from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { Diagnostic } from '../../src/domain/diagnostic.ts'
import { partitionKey, type TopicName } from '../../src/domain/ids.ts'
import {
  contentDiffers,
  lostOnSource,
  lostOnTarget,
  type Stopped,
  sourceAbsent,
  sourceCut,
  sourceRecreated,
  targetGone,
} from '../../src/mirror/problems.ts'

const there: Stopped = { migration: 'orders', key: partitionKey('orders.events' as TopicName, 3) }
const back: Stopped = { ...there, mark: { way: 'reverse' } }
const copied = { from: 0, to: 500 }

/** Stops after which nothing can be copied on. */
const STOPS: readonly (readonly [string, (stopped: Stopped) => Diagnostic])[] = [
  ['records that are gone on the source', (s) => lostOnSource(s, 5, 9)],
  ['a source that ends earlier', (s) => sourceCut(s, 9, 5)],
  ['a source that is another one', (s) => sourceRecreated(s, { was: 'a', is: 'b' }, copied)],
  ['a source that is gone', (s) => sourceAbsent(s, copied)],
  ['a source with other records', (s) => contentDiffers(s, 5, 5, 9)],
  ['a target that is gone', (s) => targetGone(s, 'the target topic does not exist.')],
  ['a target that ends below its mark', (s) => lostOnTarget(s, 5, 9)],
  ['a target that ends earlier, and a source that does too', (s) => lostOnTarget(s, 5, 9, copied)],
]

describe('what stops a partition for good advises what works', () => {
  it.each(STOPS)('%s', (_, stop) => {
    const forwards = stop(there)
    match(forwards.fix, /`ferry resync orders`/)
    match(forwards.detail, /^orders\.events:3: /)
    // Behind a seal there is no resync, and what goes back can do without no record.
    const backwards = stop(back)
    doesNotMatch(backwards.fix, /`ferry resync|--accept-gap|NAME/)
    match(backwards.fix, /^Stay on the new cluster: .*`ferry mirror orders`/)
    match(
      backwards.detail,
      /^On the way back, where target means the source and source the target: orders/,
    )
  })
})
