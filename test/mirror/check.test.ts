import { deepStrictEqual, match, rejects } from 'node:assert/strict'
import { describe, it } from 'vitest'
import {
  type ClusterId,
  partitionKey,
  type SourceOffset,
  type TargetOffset,
  type TopicName,
} from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { Checker } from '../../src/mirror/check.ts'
import type { Position } from '../../src/mirror/flow.ts'
import type { LogReader } from '../../src/mirror/log-reader.ts'
import { DEFAULT_TIMINGS } from '../../src/mirror/mirror.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { goneUnseen } from '../../src/mirror/problems.ts'
import { encodeBatch } from '../../src/records/index.ts'

const TOPIC = 't' as TopicName
const OURS = 7n

/** Batches of two records, each by one producer. Says nothing about what a broker does. */
const logOf = (writers: readonly bigint[], start: number): LogReader => {
  const value = Buffer.from('v')
  const batches = writers.map((producerId, i) =>
    encodeBatch({
      baseOffset: i * 2,
      producerId,
      epoch: 0,
      baseSequence: i * 2,
      records: [0, 1].map(() => ({ timestamp: 1, key: null, value })),
    }),
  )
  const log: Partial<LogReader> = {
    topic: async () => ({ name: TOPIC, partitions: [] }) as never,
    end: async () => writers.length * 2,
    ends: async () => ({ start, end: writers.length * 2 }),
    read: async (_, offset) => Buffer.concat(batches.slice(Math.floor(offset / 2))),
  }
  return log as LogReader
}

/** Four records were copied and acknowledged; the source has deleted them since. */
const check = async (writers: readonly bigint[]): Promise<Position> => {
  const p = new MirroredPartition('m', {
    topic: TOPIC,
    partition: 0,
    sourceCluster: 's' as ClusterId,
    targetCluster: 't' as ClusterId,
    sourceStart: 0n as SourceOffset,
    targetStart: 0n as TargetOffset,
    mode: 'dense',
    producerId: OURS,
    producerEpoch: 0,
    fillerProducerId: -1n,
    sourceTopicId: 'an id',
    at: '',
  })
  deepStrictEqual(p.key, partitionKey(TOPIC, 0))
  p.checkedTo = 4
  const checker = new Checker({
    target: {} as Cluster,
    sourceLog: logOf([1n, 1n], 4),
    targetLog: logOf(writers, 0),
    cleaners: { check: async () => undefined },
    timings: DEFAULT_TIMINGS,
    log: () => {},
    freshMs: () => 0,
    maxBatchBytes: async () => 1_000_000,
    now: () => 0,
  })
  return checker.check(p, new AbortController().signal)
}

describe('a target that ends where it did', () => {
  it('is gone on from where its last batch is the one that was sent', async () => {
    const { targetEnd, sourceNext } = await check([OURS, OURS])
    deepStrictEqual([targetEnd, sourceNext], [4, 4])
  })

  it('stops the partition where its end was lost and filled up by somebody else', async () => {
    await rejects(check([OURS, 4_711n]), (error: Error & { diagnostics: { detail: string }[] }) => {
      match(error.diagnostics[0]!.detail, /offsets 2 to 3 .*producer 4711/)
      return true
    })
  })
})

describe('records that were deleted before anybody saw whose they were', () => {
  it('are given up by name on the way back: no resync helps there', () => {
    const key = partitionKey(TOPIC, 0)
    const stopped = { migration: 'orders', key }
    match(goneUnseen(stopped, 5, 7).fix, /resync/)
    const back = goneUnseen({ ...stopped, mark: { way: 'reverse' } }, 5, 7)
    match(back.detail, /^On the way back, .*target offsets 5 to 6 were deleted/)
    match(back.fix, /`ferry salvage orders` has the command that gives this range up/)
  })
})
