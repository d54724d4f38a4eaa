import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { PartitionKey, TopicName } from '../../src/domain/ids.ts'
import {
  type BrokerLink,
  type Cluster,
  type FetchedPartition,
  type FetchRequest,
  LinkLost,
} from '../../src/kafka/cluster.ts'
import { encodeBatch } from '../../src/records/write-batch.ts'
import { LogReader, nextBatchOf, type ReadStop } from '../../src/verify/index.ts'
import { recordsFrom } from './pair.ts'

const TOPIC = 'orders' as TopicName
const KEY = 'orders:0' as PartitionKey

type Fault = Partial<FetchedPartition> | 'lost' | 'left-out'

/**
 * One broker's partition in memory, to see what the reader does about answers. What brokers really answer is tested on real ones in
 * the other files of this folder.
 */
class FakeCluster {
  readonly requests: FetchRequest[] = []
  leaderOf: (asked: number) => number = () => 1
  leadersAsked = 0
  logStart = 0n
  readonly #batches: readonly Buffer[]
  readonly #faults: Fault[]
  readonly #ends: readonly number[]

  constructor(batches: readonly Buffer[], faults: readonly Fault[] = []) {
    this.#batches = batches
    this.#faults = [...faults]
    this.#ends = batches.map((batch) => Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1)
  }

  get port(): Cluster {
    return {
      leaders: async () => {
        const leader = this.leaderOf(this.leadersAsked++)
        return new Map(
          [0, 1, 2, 3, 4].map((partition) => [
            `orders:${partition}` as PartitionKey,
            { leader, leaderEpoch: 0 },
          ]),
        )
      },
      listOffsets: async () => ({ ok: new Map([[KEY, this.logStart]]), failed: new Map() }),
      connectBroker: async (nodeId: number): Promise<BrokerLink> => ({
        nodeId,
        connected: true,
        produce: () => Promise.reject(new Error('read only')),
        fetch: (request) => this.#fetch(request),
        writeMarkers: () => Promise.reject(new Error('read only')),
        logStarts: () => Promise.reject(new Error('not asked for')),
        close: async () => undefined,
      }),
    } as unknown as Cluster
  }

  async #fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    this.requests.push(request)
    const fault = this.#faults.shift()
    if (fault === 'lost') throw new LinkLost('connection ended')
    if (fault === 'left-out') return []
    const end = this.#ends.at(-1) ?? 0
    let room = request.maxBytes
    return request.topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, fetchOffset, maxBytes }) => {
        const first = this.#ends.findIndex((each) => each > fetchOffset)
        const found: Buffer[] = []
        for (
          let i = first, left = Math.min(room, maxBytes);
          i >= 0 && i < this.#batches.length;
          i++
        ) {
          const batch = this.#batches[i]!
          if (batch.length > left) break
          found.push(batch)
          left -= batch.length
        }
        const records = Buffer.concat(found)
        room -= records.length
        return {
          topic,
          partition,
          errorCode: 0,
          highWatermark: end,
          lastStableOffset: end,
          logStartOffset: 0,
          abortedTransactions: null,
          records,
          ...fault,
        }
      }),
    )
  }
}

const batchAt = (offset: number, count: number, bytes = 20): Buffer =>
  encodeBatch({ records: recordsFrom(offset, count, bytes), baseOffset: offset })

const TEN = Array.from({ length: 10 }, (_, i) => batchAt(i * 10, 10))

const readAll = async (
  cluster: FakeCluster,
  options: { to?: number; patienceMs?: number; window?: number; signal?: AbortSignal } = {},
): Promise<{ bases: number[]; stop: ReadStop }> => {
  const { to = 100, patienceMs = 400, window = 4_096 } = options
  const signal = options.signal ?? new AbortController().signal
  const reader = new LogReader(cluster.port, { patienceMs }, signal)
  const stream = reader.read({ topic: TOPIC, partition: 0, from: 0, to }, window)
  const bases: number[] = []
  while ((await nextBatchOf(stream)) === 'batch') bases.push(stream.base)
  await reader.close()
  return { bases, stop: stream.stopped! }
}

const ALL = Array.from({ length: 10 }, (_, i) => i * 10)

describe('LogReader', () => {
  const waitedOut: readonly [string, readonly Fault[]][] = [
    ['nothing', []],
    ['NOT_LEADER_OR_FOLLOWER', [{}, { errorCode: 6, records: Buffer.alloc(0) }]],
    ['a lost connection', [{}, 'lost', {}, 'lost']],
    ['answers that leave it out', ['left-out', {}, 'left-out']],
    ['an empty answer in between', [{}, { records: Buffer.alloc(0) }]],
    ['a log whose stable end is behind', [{ lastStableOffset: 0, records: Buffer.alloc(0) }]],
  ]
  for (const [name, faults] of waitedOut) {
    it(`reads everything in spite of ${name}`, async () => {
      const { bases, stop } = await readAll(new FakeCluster(TEN, faults), { patienceMs: 60_000 })
      deepStrictEqual(bases, ALL)
      deepStrictEqual(stop, { kind: 'end' })
    })
  }

  it('asks for the leader again after an error, and waits for one', async () => {
    const cluster = new FakeCluster(TEN, [{ errorCode: 6, records: Buffer.alloc(0) }])
    cluster.leaderOf = (asked) => (asked === 1 ? -1 : 1)
    deepStrictEqual((await readAll(cluster, { patienceMs: 60_000 })).bases, ALL)
    strictEqual(cluster.leadersAsked, 3)
  })

  const failing: readonly [string, readonly Fault[], RegExp][] = [
    ['a missing right', [{ errorCode: 29 }], /TOPIC_AUTHORIZATION_FAILED/],
    ['an error that stays', Array(200).fill({ errorCode: 6 }), /NOT_LEADER_OR_FOLLOWER, for/],
    ['connections that stay lost', Array(200).fill('lost'), /connection ended, for/],
    [
      'a message of a format before 0.11 that is damaged',
      [
        {
          records: Buffer.concat([TEN[0]!.subarray(0, 16), Buffer.from([1]), TEN[0]!.subarray(17)]),
        },
      ],
      /offset 0 is damaged/,
    ],
    [
      'a damaged batch',
      [{ records: Buffer.concat([TEN[0]!.subarray(0, -1), Buffer.from([7])]) }],
      /offset 0 is damaged/,
    ],
    ['garbage', [{ records: Buffer.alloc(100) }], /at offset 0/],
  ]
  for (const [name, faults, detail] of failing) {
    it(`ends with ${name}`, async () => {
      const { bases, stop } = await readAll(new FakeCluster(TEN, faults))
      deepStrictEqual(bases, [])
      match(stop.kind === 'failed' ? stop.detail : '', detail)
    })
  }

  it('tells the log start if it is above, and a log that was cut if it is not', async () => {
    const outOfRange = [{}, { errorCode: 1, records: Buffer.alloc(0) }]
    const window = TEN[0]!.length * 2
    const expired = new FakeCluster(TEN, outOfRange)
    expired.logStart = 70n
    const { bases, stop } = await readAll(expired, { window })
    deepStrictEqual(bases, [0])
    deepStrictEqual(stop, { kind: 'out-of-range', offset: 10, logStart: 70 })
    const cut = await readAll(new FakeCluster(TEN, outOfRange), { window })
    match(cut.stop.kind === 'failed' ? cut.stop.detail : '', /its end was cut off/)
  })

  it('fails if the log ends before the range', async () => {
    const { bases, stop } = await readAll(new FakeCluster(TEN), { to: 120 })
    deepStrictEqual(bases, ALL)
    match(stop.kind === 'failed' ? stop.detail : '', /the log ends at 100, below 120, for/)
  })

  it('ends where a cleaner left nothing up to the end', async () => {
    const empty = { records: Buffer.alloc(0), lastStableOffset: 150, highWatermark: 150 }
    const { bases, stop } = await readAll(
      new FakeCluster(TEN.slice(0, 1), [{}, ...Array(5).fill(empty)]),
      { to: 120 },
    )
    deepStrictEqual([bases, stop], [[0], { kind: 'end' }])
  })

  it('asks for more where a batch is larger than its limit', async () => {
    const { bases } = await readAll(new FakeCluster([batchAt(0, 100, 500)]), { window: 100 })
    deepStrictEqual(bases, [0])
  })

  it('shares two requests among partitions, and reads no further ahead than its window', async () => {
    const cluster = new FakeCluster(TEN)
    const reader = new LogReader(cluster.port, {}, new AbortController().signal)
    const window = TEN[0]!.length * 4
    const streams = [0, 1, 2, 3, 4].map((partition) =>
      reader.read({ topic: TOPIC, partition, from: 0, to: 100 }, window),
    )
    for (const stream of streams) await stream.more()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const [first, second] = cluster.requests
    deepStrictEqual(
      [first!, second!].map(({ topics }) => topics.map(({ partitions }) => partitions.length)),
      [[3], [2]],
    )
    for (const stream of streams) strictEqual(stream.buffered <= window, true)
    strictEqual(cluster.requests.length <= 6, true)
    await reader.close()
  })

  it('stops when it is told to', async () => {
    const abort = new AbortController()
    const cluster = new FakeCluster(TEN, Array(1_000).fill('lost'))
    setTimeout(() => abort.abort(), 50)
    const { stop } = await readAll(cluster, { patienceMs: 60_000, signal: abort.signal })
    match(stop.kind === 'failed' ? stop.detail : '', /interrupted/)
  })

  it('passes over aborted transactions, markers and empty batches', async () => {
    const tx = (offset: number, producer: bigint, bits: number, count = 5): Buffer =>
      encodeBatch({
        records: bits & 0x20 ? [marker(bits === 0x30 ? 0 : 1)] : recordsFrom(offset, count),
        baseOffset: offset,
        producerId: producer,
        epoch: 0,
        baseSequence: 0,
        attributes: bits & 0x30,
      })
    const marker = (type: number) => ({
      timestamp: 1,
      key: Buffer.from([0, 0, 0, type]),
      value: Buffer.from([0, 0, 0, 0, 0, 0]),
    })
    // Producer 7 aborts at 20 and commits later; producer 8 commits; the empty batch keeps offsets 35 to 39.
    const log = [
      tx(0, 7n, 0x10),
      tx(5, 8n, 0x10),
      tx(10, 7n, 0x10, 10),
      tx(20, 7n, 0x30),
      tx(21, 8n, 0x30 | 0x100),
      tx(22, 7n, 0x10, 3),
      batchAt(25, 10),
      encodeBatch({ records: [], baseOffset: 35, lastOffsetDelta: 4 }),
      batchAt(40, 5),
    ]
    const commitAt = 4
    log[commitAt] = encodeBatch({
      records: [marker(1)],
      baseOffset: 21,
      producerId: 8n,
      epoch: 0,
      attributes: 0x30,
    })
    const aborted = [{ producerId: 7n, firstOffset: 0 }]
    const cluster = new FakeCluster(log, [{ abortedTransactions: aborted }])
    const { bases } = await readAll(cluster, { to: 45, window: 1 << 20 })
    deepStrictEqual(bases, [5, 22, 25, 40])
  })
})
