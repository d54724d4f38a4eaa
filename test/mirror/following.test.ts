import { expect, test } from 'vitest'
import type { AcceptedGap } from '../../src/domain/accepted-gap.ts'
import type { ClusterId, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark, Seal } from '../../src/domain/mark.ts'
import { Following } from '../../src/mirror/following.ts'

const mark = (topic: string, partition: number, producerId = 1n): Mark => ({
  topic: topic as TopicName,
  partition,
  sourceCluster: 's' as ClusterId,
  targetCluster: 't' as ClusterId,
  sourceStart: 0n as SourceOffset,
  targetStart: 0n as TargetOffset,
  mode: 'dense',
  producerId,
  producerEpoch: 0,
  fillerProducerId: 2n,
  at: '',
})
const sealOf = ({ topic, partition }: Mark): Seal => ({
  topic,
  partition,
  sourceEnd: 9n as SourceOffset,
  targetEnd: 7n as TargetOffset,
  at: '',
})
const [A0, A1, B0] = [mark('a', 0), mark('a', 1), mark('b', 0)]
const following = () => new Following({ batchesReEncoded: 0, recordsReEncoded: 0 })
const keys = (all: Iterable<{ readonly key: string }>) => [...all].map(({ key }) => key)

test('a partition that is followed again is the same one; under another mark, or of another migration, it is another', () => {
  const it = following()
  const follow = (migration: string, ...marks: Mark[]) =>
    keys(it.follow([{ migration, marks, seals: [] }]).gone)
  expect(follow('m', A0, A1)).toEqual([])
  const before = it.partitions
  expect(follow('m', A0, A1, B0)).toEqual([])
  expect(it.partitions.slice(0, 2)).toEqual(before)
  expect(it.partitions[0]).toBe(before[0])
  expect(follow('m', mark('a', 0, 5n), A1)).toEqual(['a:0', 'b:0'])
  expect(follow('other', A1)).toEqual(['a:0', 'a:1'])
})

test('what is sealed is marked still and rests, and the lock on it is wanted only while it is kept', () => {
  const it = following()
  const wanted = () => Object.fromEntries(it.wanted)
  it.follow([{ migration: 'm', marks: [A0, A1, B0], seals: [] }])
  expect(wanted()).toEqual({ a: 2, b: 1 })
  it.keep('b' as TopicName, 1)
  const { gone } = it.follow([{ migration: 'm', marks: [A0, A1, B0], seals: [sealOf(B0)] }])
  expect(keys(gone)).toEqual(['b:0'])
  expect(Object.fromEntries(it.marked)).toEqual({ a: 2, b: 1 })
  expect(it.resting).toEqual([{ key: 'b:0', mark: B0, copiedTo: 7 }])
  expect(wanted()).toEqual({ a: 2, b: 1 })
  expect([it.release('b' as TopicName), it.release('b' as TopicName)]).toEqual([true, false])
  expect(wanted()).toEqual({ a: 2 })
})

test('what has stopped rests, and goes on once a gap of its mark was accepted, and only then', () => {
  const it = following()
  const gap = (producerId: bigint): AcceptedGap => ({
    topic: A0.topic,
    partition: 0,
    from: 3n as SourceOffset,
    to: 5n as SourceOffset,
    producerId,
    code: 'FERRY1602',
    offsets: 'dense',
    losing: [],
    at: '',
  })
  const follow = (...acceptedGaps: AcceptedGap[]) =>
    keys(it.follow([{ migration: 'm', marks: [A0], seals: [], acceptedGaps }]).again)
  follow()
  it.partitions[0]!.state = 'stopped'
  expect(keys(it.resting)).toEqual(['a:0'])
  expect(follow()).toEqual([])
  expect(follow(gap(4n))).toEqual([])
  expect(follow(gap(1n))).toEqual(['a:0'])
  expect(follow(gap(1n))).toEqual([])
})
