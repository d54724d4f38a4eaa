import { describe, expect, it } from 'vitest'
import type {
  ClusterId,
  SourceOffset,
  TargetOffset,
  TopicName,
  TopicPartition,
} from '../../src/domain/ids.ts'
import { partitionKey } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { type PurgeOptions, purgeTopic } from '../../src/mirror/purge.ts'
import type { PartitionLock } from '../../src/mirror/with-partitions.ts'
import { encodeBatch, lastOffset } from '../../src/records/index.ts'
import { sampleProgress } from '../state/samples.ts'

/** What a purge may delete, by batch headers. That it does, on brokers: `test/faults/emptied.test.ts`, `test/scenarios/rollback.test.ts`. */

const TOPIC = 't' as TopicName
const KEY = partitionKey(TOPIC, 0)
const [OURS, FILLER, THEIRS] = [7, 8, 4711]

const batch = (producer: number, base: number, count: number, sequence = base): Buffer =>
  encodeBatch({
    baseOffset: base,
    producerId: BigInt(producer),
    epoch: 0,
    baseSequence: sequence,
    records: Array.from({ length: count }, () => ({ timestamp: 1, key: null, value: null })),
  })

const mark: Mark = {
  topic: TOPIC,
  partition: 0,
  sourceCluster: 's' as ClusterId,
  targetCluster: 't' as ClusterId,
  sourceStart: 10n as SourceOffset,
  targetStart: 10n as TargetOffset,
  mode: 'identical',
  producerId: BigInt(OURS),
  producerEpoch: 0,
  fillerProducerId: BigInt(FILLER),
  at: '',
}

const LOCK: PartitionLock = {
  write: (_, request) => request(),
  isUncertain: () => false,
  settled: () => {},
}

interface Log {
  readonly batches: readonly Buffer[]
  readonly start?: number
  /** What the leader lets others read; default: all. */
  readonly watermarks?: readonly number[]
  readonly checkedTo?: number | undefined
  readonly emptied?: number
  readonly options?: Partial<PurgeOptions>
}

/** Up to where it was deleted, or why nothing was. */
const purge = async ({ batches, start = 0, watermarks, checkedTo, emptied, options }: Log) => {
  const end = Math.max(0, ...batches.map((each) => lastOffset(each, 0) + 1))
  let deleted = start
  const left = [...(watermarks ?? [end])]
  const of = <T>(value: T) => ({ ok: new Map([[KEY, value]]), failed: new Map() })
  const target = {
    name: 'new',
    listOffsets: async (_: unknown, at: string) => {
      if (at === 'earliest') return of(BigInt(deleted))
      return of(BigInt(left.length > 1 ? left.shift()! : left[0]!))
    },
    leaderEnds: async () => of({ leader: 1, leaderEpoch: 0, end: BigInt(end) }),
    leaders: async () => new Map([[KEY, { leader: 1, leaderEpoch: 0 }]]),
    connectBroker: async () => ({
      connected: true,
      fetch: async ({ topics }: { topics: { partitions: { fetchOffset: number }[] }[] }) => {
        const { fetchOffset } = topics[0]!.partitions[0]!
        const records = Buffer.concat(batches.filter((each) => lastOffset(each, 0) >= fetchOffset))
        return [{ topic: TOPIC, partition: 0, errorCode: 0, records }]
      },
      close: async () => {},
    }),
    deleteRecords: async (to: ReadonlyMap<string, bigint>) => {
      deleted = Number([...to.values()][0])
      return { ok: to, failed: new Map() }
    },
  } as unknown as Cluster
  const stored = sampleProgress(TOPIC, 0, {
    producerId: BigInt(OURS),
    checkedTo: BigInt(checkedTo ?? 0) as TargetOffset,
    gaps: new GapList(),
  })
  const purged = await purgeTopic({
    target,
    purge: { topic: TOPIC, marks: emptied === undefined ? [mark] : [], intent: null },
    progress: new Map(checkedTo === undefined ? [] : [[KEY, stored]]),
    targetTopicId: undefined,
    emptied: new Map(emptied === undefined ? [] : [[0, BigInt(emptied)]]),
    partitions: [0],
    mayDelete: 'copy',
    lock: LOCK,
    timings: { sessionTimeoutMs: 20, requestTimeoutMs: 20 },
    signal: AbortSignal.timeout(60_000),
    ...options,
  })
  if (purged.problem) expect(deleted).toBe(start)
  return purged.problem ? `${purged.problem.code} ${purged.problem.detail}` : deleted
}

const copy = [batch(FILLER, 0, 10), batch(OURS, 10, 5, 0), batch(OURS, 15, 5, 5)]

describe('partitions that are waited for together', () => {
  it('have all ended once one has failed: none asks on when the lock is given back', async () => {
    const order: string[] = []
    const failure = new Error('no right on the group')
    const lock: PartitionLock = {
      ...LOCK,
      // What may be on its way is waited for much longer than this test runs.
      isUncertain: () => true,
      write: async ([key], request) => {
        if (key === partitionKey(TOPIC, 1)) throw failure
        await new Promise(setImmediate)
        order.push('the lock on the other came')
        return request()
      },
    }
    const timings = { sessionTimeoutMs: 20, requestTimeoutMs: 3_600_000 }
    const options = { lock, timings, partitions: [0, 1] }
    const failed = await purge({ batches: copy, options }).catch((error: unknown) => {
      order.push('failed')
      return error
    })
    expect([failed, order]).toEqual([failure, ['the lock on the other came', 'failed']])
  })
})

describe('a copy that is given up', () => {
  it('is deleted, checked or not, whole or cut, with the filler that a crash has brought back', async () => {
    for (const checkedTo of [undefined, 10, 15, 20]) {
      expect(await purge({ batches: copy, checkedTo })).toBe(20)
      expect(await purge({ batches: copy, checkedTo, start: 10 })).toBe(20)
      expect(await purge({ batches: copy.slice(0, 2), checkedTo })).toBe(15)
      expect(await purge({ batches: [batch(FILLER, 0, 6)], checkedTo })).toBe(6)
    }
  })

  it('is kept where its end was lost and somebody wrote there, also below what was checked', async () => {
    const cut = copy.slice(0, 2)
    for (const checkedTo of [10, 15, 18, 20]) {
      expect(await purge({ batches: [...cut, batch(THEIRS, 15, 2)], checkedTo })).toMatch(
        /^FERRY1331 .*target offsets 15 to 16 were not written by this mirror \(producer 4711\)/,
      )
    }
    expect(await purge({ batches: [...cut, batch(THEIRS, 15, 5)], checkedTo: 20 })).toMatch(
      /^FERRY1331 .*offsets 15 to 19/,
    )
    expect(await purge({ batches: [batch(FILLER, 0, 6), batch(THEIRS, 6, 2)] })).toMatch(
      /^FERRY1331 .*offsets 6 to 7/,
    )
    expect(await purge({ batches: [batch(FILLER, 0, 6), batch(THEIRS, 6, 8)] })).toMatch(
      /^FERRY1331 .*begins at 0 instead of the mark at 10/,
    )
  })
})

describe('a copy that was emptied and is back', () => {
  it('is deleted up to where it was emptied', async () => {
    expect(await purge({ batches: copy, emptied: 20 })).toBe(20)
    expect(await purge({ batches: [], emptied: 20 })).toBe(0)
  })

  it('is deleted although a leader that has just come back does not let all of it be read yet', async () => {
    expect(await purge({ batches: copy, emptied: 20, watermarks: [0, 0, 20] })).toBe(20)
  })

  it('is kept where it ends lower: who wrote what is there nobody knows', async () => {
    for (const batches of [copy.slice(0, 2), [batch(THEIRS, 0, 5)]]) {
      expect(await purge({ batches, emptied: 20 })).toMatch(
        /^FERRY1331 t:0 on new was emptied up to 20, and ends at (15|5) since a crash/,
      )
    }
    // Asked for by name.
    expect(
      await purge({ batches: [batch(THEIRS, 0, 5)], emptied: 20, options: { mayDelete: 'all' } }),
    ).toBe(5)
  })

  it('is kept where somebody wrote behind it', async () => {
    expect(await purge({ batches: [...copy, batch(THEIRS, 20, 1)], emptied: 20 })).toMatch(
      /^FERRY1331 t:0 on new holds offsets 20 to 20, which Ferry did not write/,
    )
  })
})

it('the partitions of a topic are waited for at the same time, and that is said once', async () => {
  const other = partitionKey(TOPIC, 1)
  let end = 0n
  let isOtherAsked = false
  const answers = <T>(keys: Iterable<string>, value: T) => ({
    ok: new Map([...keys].map((key) => [key, value])),
    failed: new Map(),
  })
  const target = {
    name: 'new',
    listOffsets: async (places: readonly { topic: string; partition: number }[]) =>
      answers(
        places.map((place) => `${place.topic}:${place.partition}`),
        end,
      ),
    // The log of the first does not stand still before somebody asks for that of the second.
    leaderEnds: async (asked: readonly TopicPartition[]) => {
      const keys = asked.map(({ topic, partition }) => partitionKey(topic, partition))
      isOtherAsked ||= keys.includes(other)
      if (!isOtherAsked) end++
      return answers(keys, { leader: 1, leaderEpoch: 0, end })
    },
  } as unknown as Cluster
  const uncertain = new Set([KEY, other])
  const said: string[] = []
  const purged = await purgeTopic({
    target,
    purge: { topic: TOPIC, marks: [mark], intent: null },
    progress: new Map(),
    targetTopicId: undefined,
    emptied: new Map(),
    partitions: [0, 1],
    mayDelete: 'copy',
    lock: {
      ...LOCK,
      isUncertain: (key) => uncertain.has(key),
      settled: (key) => uncertain.delete(key),
    },
    timings: { sessionTimeoutMs: 20, requestTimeoutMs: 20 },
    signal: AbortSignal.timeout(10_000),
    report: (line) => said.push(line),
  })
  expect(purged).toMatchObject({ ends: [{ partition: 0 }, { partition: 1 }] })
  expect([...uncertain]).toEqual([])
  expect(said).toEqual(['waiting for requests that may still be on their way to t'])
})
