import type { PartitionKey, SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import type { Seal } from '../../src/domain/mark.ts'
import type { GroupSync } from '../../src/domain/moved-groups.ts'
import { fullState } from '../state/samples.ts'
import { ACCESS, AT, group, groupSeen, topic, topicSeen } from './_build.ts'

/** A migration whose producers have moved, and what its target shows. */

export const mark = (partition: number, sourceStart: bigint, targetStart: bigint) => ({
  ...fullState(1).marks[0]!,
  topic: topic('orders'),
  partition,
  sourceStart: sourceStart as SourceOffset,
  targetStart: targetStart as TargetOffset,
  targetTopicId: 'id-orders',
  mode: 'dense' as const,
})

export const sync = (
  positions: Readonly<Record<string, readonly [bigint, bigint]>>,
): GroupSync => ({
  group: group('api'),
  status: 'done',
  at: AT,
  positions: new Map(
    Object.entries(positions).map(([key, [source, target]]) => [
      key as PartitionKey,
      { source: source as SourceOffset, target, previous: null, metadata: '', proof: 'record' },
    ]),
  ),
})

export const seal = (partition: number, sourceEnd: bigint, targetEnd: bigint): Seal => ({
  topic: topic('orders'),
  partition,
  sourceEnd: sourceEnd as SourceOffset,
  targetEnd: targetEnd as TargetOffset,
  at: AT,
})

/** Everything of a whole migration up to its producers: source 100 to 1100 is target 0 to 1000. */
export const STATE = {
  stage: 'producers-moved' as const,
  createdTopics: [topic('orders')],
  marks: [mark(0, 100n, 0n), mark(1, 0n, 0n)],
  seals: [seal(0, 1100n, 1000n), seal(1, 0n, 0n)],
  syncs: [sync({ 'orders:0': [600n, 500n] })],
  grants: [...ACCESS.atOnce, ...ACCESS.afterSync, ...ACCESS.afterSeal],
  users: [
    { name: 'api', mechanism: 'scram-sha-512' as const, passwordVersion: 1, made: true },
    { name: 'old', mechanism: 'scram-sha-512' as const, passwordVersion: 2, made: false },
  ],
  quotasBefore: [{ user: 'api', producerByteRate: null, consumerByteRate: 7 }],
}

export const seenOnTarget = (end = 1000n, commits: Readonly<Record<string, bigint>> = {}) => ({
  topics: new Map([
    [
      topic('orders'),
      topicSeen(
        'orders',
        [
          [0n, end],
          [0n, 0n],
        ],
        { 'retention.ms': '86400000' },
      ),
    ],
  ]),
  groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 500n, ...commits })]]),
})
