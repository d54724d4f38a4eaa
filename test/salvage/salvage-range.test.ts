import { describe, expect, it } from 'vitest'
import type { SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Cluster, FetchRequest, OffsetAt } from '../../src/kafka/cluster.ts'
import { ErrorCode } from '../../src/kafka/error-codes.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { salvageRange } from '../../src/salvage/salvage-range.ts'

const OURS = 7n
const MIRROR = 8n

/** Five records were sent in it; a cleaner may have left fewer. */
const batchAt = (baseOffset: number, producerId: bigint, baseSequence: number, left = 5): Buffer =>
  encodeBatch({
    records: Array.from({ length: left }, (_, offsetDelta) => ({
      timestamp: 0,
      key: null,
      value: null,
      offsetDelta,
    })),
    baseOffset,
    lastOffsetDelta: 4,
    producerId,
    epoch: 0,
    baseSequence,
  })

/** Where an attempt that goes on begins to read the source, by what it reports. Says nothing about what a broker does. */
const onTarget = async (batches: readonly Buffer[], logStart: bigint): Promise<string> => {
  const end = BigInt(batches.length === 0 ? logStart : batches.at(-1)!.readBigInt64BE(0) + 5n)
  const target = {
    name: 'new',
    leaders: async () => new Map([['t:0', { leader: 1, leaderEpoch: 0 }]]),
    listOffsets: async (_: unknown, at: OffsetAt) => ({
      ok: new Map([['t:0', at === 'earliest' ? logStart : end]]),
      failed: new Map(),
    }),
    connectBroker: async () => ({
      fetch: async ({ topics }: FetchRequest) => {
        const at = BigInt(topics[0]!.partitions[0]!.fetchOffset)
        if (at < logStart) return [{ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }]
        const rest = batches.filter((batch) => batch.readBigInt64BE(0) + 5n > at)
        return [{ errorCode: 0, records: Buffer.concat(rest) }]
      },
      close: async () => {},
    }),
  } as unknown as Cluster
  const source = {
    name: 'old',
    leaders: async () => {
      throw new Error('not asked for')
    },
  } as unknown as Cluster
  const reports: string[] = []
  const stop = new AbortController()
  const attempt = salvageRange({
    source,
    target,
    salvage: {
      topic: 't' as TopicName,
      partition: 0,
      from: 100n as SourceOffset,
      to: 120n as SourceOffset,
      status: 'pending',
      producerId: OURS,
      producerEpoch: 0,
      targetFrom: 50n as TargetOffset,
      sent: { place: 5, records: 5, from: 105n as SourceOffset, to: 110n as SourceOffset },
      at: '',
    },
    mirror: { producerId: MIRROR, sealedEnd: 40n as TargetOffset },
    isResumed: true,
    requestTimeoutMs: 1,
    remember: async () => undefined,
    pause: async () => undefined,
    report: (line) => {
      reports.push(line)
      if (line.includes('already')) stop.abort()
    },
    signal: stop.signal,
  })
  const said = await attempt.then(String, (error: Error) => error.message)
  return reports.find((line) => line.includes('already')) ?? said
}

describe('what an earlier attempt of a salvage has appended', () => {
  it('is told by places, also where a cleaner took records out of its last batch', async () => {
    expect(await onTarget([batchAt(50, OURS, 0), batchAt(55, OURS, 5, 1)], 0n)).toBe(
      '10 records of t:0 are on the target already',
    )
  })

  it('is told by its last batch where retention took what was before', async () => {
    expect(await onTarget([batchAt(55, OURS, 5), batchAt(60, 9n, 0)], 55n)).toBe(
      '10 records of t:0 are on the target already',
    )
  })

  it('is not guessed where the last batch that was sent fits neither', async () => {
    expect(await onTarget([batchAt(50, OURS, 0), batchAt(55, OURS, 10)], 0n)).toMatch(
      /^FERRY1710 .*15 records of it are on new, and 5 or 10 were sent/,
    )
  })

  it('is not guessed where retention may have taken all of it', async () => {
    expect(await onTarget([batchAt(60, 9n, 0)], 60n)).toMatch(
      /^FERRY1710 .*offsets 50 to 59 of t:0 are gone from new/,
    )
  })

  it('is not asked for where a mirror copied behind the seal', async () => {
    expect(await onTarget([batchAt(45, MIRROR, 0), batchAt(50, OURS, 0)], 45n)).toMatch(
      /^FERRY1710 .*the mirror has copied records of t:0 after the seal/,
    )
  })
})
