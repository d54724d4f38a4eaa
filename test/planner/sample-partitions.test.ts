import { describe, expect, it } from 'vitest'
import type { PartitionKey } from '../../src/domain/ids.ts'
import type {
  BrokerLink,
  Cluster,
  FetchedPartition,
  FetchRequest,
} from '../../src/kafka/cluster.ts'
import { samplePartitions } from '../../src/planner/sample-partitions.ts'
import { ATTRIBUTES, encodeBatch, LAYOUT } from '../../src/records/index.ts'
import { topic } from './_build.ts'

/** What is asked again, and when it is given up: with brokers that answer as told. What real ones answer, every plan in the scenarios sees. */

const TOPIC = topic('orders')
const KEY = 'orders:0' as PartitionKey
const OLDEST = 1_000
const NEWEST = 9_000

const batchAt = (offset: number): Buffer =>
  encodeBatch({
    baseOffset: offset,
    records: [
      { timestamp: offset < 5 ? OLDEST : NEWEST, key: null, value: Buffer.from('v'), headers: [] },
    ],
  })

type Answer = Partial<FetchedPartition> | 'left out' | 'lost'

/** Each request is answered by the next one; then all are well. */
const sampling = async (
  script: readonly Answer[],
  { forever = false, starts = [] as readonly bigint[] } = {},
) => {
  let time = 0
  const waits: number[] = []
  const asked: string[] = []
  const left = [...script]
  const known = [...starts]
  const fetch = async (node: number, { topics }: FetchRequest) => {
    const { fetchOffset } = topics[0]!.partitions[0]!
    asked.push(`${node}: ${fetchOffset}`)
    const next = forever ? script[0] : left.shift()
    if (next === 'lost') throw new Error('the connection ended')
    if (next === 'left out') return []
    const well = { errorCode: 0, highWatermark: 10, records: batchAt(fetchOffset) }
    return [{ topic: TOPIC, partition: 0, ...well, ...next } as FetchedPartition]
  }
  const cluster = {
    name: 'old',
    connectBroker: async (node: number) =>
      ({
        fetch: (r: FetchRequest) => fetch(node, r),
        close: async () => {},
      }) as unknown as BrokerLink,
    leaders: async () => new Map([[KEY, { leader: 2, leaderEpoch: 1 }]]),
    listOffsets: async () => ({ ok: new Map([[KEY, known.shift() ?? 0n]]), failed: new Map() }),
  } as unknown as Cluster
  const { samples, problems } = await samplePartitions(
    cluster,
    {
      partitions: [{ topic: TOPIC, partition: 0, leader: 1 }],
      start: new Map([[KEY, 0n]]),
      stable: new Map([[KEY, 10n]]),
    },
    new AbortController().signal,
    {
      retryMs: 15_000,
      now: () => time,
      pause: async (ms) => {
        waits.push(ms)
        time += ms
      },
    },
  )
  return { sample: samples.get(KEY), problems, waits, asked }
}

it('asks once where all is well', async () => {
  const { sample, problems, waits, asked } = await sampling([])
  expect(sample).toEqual({
    firstTimestamp: OLDEST,
    headTimestamp: OLDEST,
    tail: 'plain',
    recordBytes: expect.anything(),
  })
  expect([problems, waits, asked]).toEqual([[], [], ['1: 0', '1: 9']])
})

describe('the times of the oldest batch', () => {
  const records = [5_000, 3_000, 8_000].map((timestamp) => ({
    timestamp,
    key: null,
    value: Buffer.from('v'),
    headers: [],
  }))
  const times = async (change: (batch: Buffer) => void = () => {}) => {
    const batch = encodeBatch({ baseOffset: 0, records })
    change(batch)
    const { sample } = await sampling([{ records: batch }])
    return [sample?.firstTimestamp, sample?.headTimestamp]
  }
  const set = (bit: number) => (batch: Buffer) => {
    batch.writeInt16BE(batch.readInt16BE(LAYOUT.attributes) | bit, LAYOUT.attributes)
  }

  it('are that of its first record and its largest', async () => {
    expect(await times()).toEqual([5_000, 8_000])
  })

  it.each([
    ['records have the time of the append', set(ATTRIBUTES.logAppendTime)],
    ['the cleaner has put its own time there', set(ATTRIBUTES.deleteHorizon)],
    ['it has none', (batch: Buffer) => batch.writeBigInt64BE(-1n, LAYOUT.baseTimestamp)],
    [
      'it is no time of a record',
      (batch: Buffer) => batch.writeBigInt64BE(9_000n, LAYOUT.baseTimestamp),
    ],
  ] as const)('are the largest alone where %s', async (_, change) => {
    expect(await times(change)).toEqual([8_000, 8_000])
  })
})

it.each([
  ['has moved', { errorCode: 6, records: Buffer.alloc(0) }],
  ['throttles, and answers nothing', 'left out'],
  [
    'does not know yet how far it may let others read',
    { highWatermark: 0, records: Buffer.alloc(0) },
  ],
  ['is lost', 'lost'],
] as const)('asks again, whoever leads then, where the leader %s', async (_, answer) => {
  const whole = await sampling([])
  const { sample, problems, waits, asked } = await sampling([answer])
  expect([sample, problems]).toEqual([whole.sample, []])
  expect(waits).toHaveLength(1)
  expect(asked).toContain('2: 0')
})

it('says in the end what the broker said', async () => {
  const { sample, problems, waits } = await sampling(
    [{ errorCode: 56, records: Buffer.alloc(0) }],
    { forever: true },
  )
  expect(sample).toBeUndefined()
  expect(problems).toMatchObject([
    {
      code: 'FERRY1210',
      severity: 'error',
      detail: expect.stringContaining('KAFKA_STORAGE_ERROR'),
    },
  ])
  expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(15_000)
})

it('looks where the log begins by now, and asks no more of one that was emptied', async () => {
  const gone = { errorCode: 1, records: Buffer.alloc(0) }
  const trimmed = await sampling([gone], { starts: [7n] })
  expect(trimmed.sample?.headTimestamp).toBe(NEWEST)
  expect(trimmed.asked).toContain('2: 7')
  const emptied = await sampling([gone, gone], { starts: [10n] })
  expect([emptied.sample, emptied.problems, emptied.asked.length]).toEqual([undefined, [], 2])
})

it('takes nothing at the end, which a cleaner has removed, for an answer, and a missing right too', async () => {
  const nothing = { records: Buffer.alloc(0) }
  const cleaned = await sampling([{}, nothing, nothing])
  expect(cleaned.sample?.headTimestamp).toBe(OLDEST)
  expect([cleaned.problems, cleaned.waits]).toEqual([[], []])
  const denied = await sampling([{ errorCode: 29, records: Buffer.alloc(0) }])
  expect([denied.sample, denied.problems, denied.waits]).toEqual([undefined, [], []])
})
