import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cleaned } from '../../src/domain/cleaned.ts'
import type { SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { ReceiptPartition } from '../../src/domain/receipt.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { NewRecord } from '../../src/records/index.ts'
import { receiptPartitions } from '../../src/verify/index.ts'
import {
  createTopic,
  deleteUpTo,
  markOf,
  type Pair,
  recordsFrom,
  startPair,
  transact,
  withoutNulls,
  write,
} from './pair.ts'

/** What a receipt refuses, leaves out and remembers, on real brokers; its figures are judged in test/scenarios/receipt.test.ts. */

let pair: Pair
let count = 0

beforeAll(async () => {
  pair = await startPair()
})
afterAll(() => pair?.stop())

/** Source offsets 0 to 99 in small batches, dense on the target from 3 on in large ones. */
const copied = async (
  records = recordsFrom(0, 100),
  configs: Readonly<Record<string, string>> = {},
): Promise<TopicName> => {
  const topic = await createTopic(pair, `receipt-${String(++count).padStart(3, '0')}`, {
    source: configs,
    target: configs,
  })
  await write(pair.clusters.source, topic, recordsFrom(0, 100), { batch: 7, codec: 'gzip' })
  await write(pair.clusters.target, topic, [...recordsFrom(900, 3), ...records], { batch: 40 })
  await deleteUpTo(pair.clusters.target, topic, 3)
  return topic
}

/** A marker stands where a cleaner removed a record. */
const withHole = async (
  side: 'source' | 'target',
  topic: TopicName,
  records: readonly NewRecord[],
  hole: number,
): Promise<void> => {
  await transact(pair.brokers[side], topic, [{ records: records.slice(0, hole), commit: true }])
  await write(pair.clusters[side], topic, withoutNulls(records.slice(hole + 1)))
}

const read = async (
  topics: readonly TopicName[],
  earlier: readonly ReceiptPartition[] = [],
  cleaned: readonly Cleaned[] = [],
) => {
  const marks: readonly Mark[] = topics.map((topic) => markOf(topic, 0, 3))
  const seals = topics.map((topic) => ({
    topic,
    partition: 0,
    sourceEnd: 100n as SourceOffset,
    targetEnd: 103n as TargetOffset,
    at: '2026-01-02T00:00:00.000Z',
  }))
  const kept: string[] = []
  const found = await receiptPartitions({
    clusters: pair.clusters,
    state: { ...emptyState('test', 'lineage'), marks, seals, cleaned },
    topics,
    progress: new Map(),
    earlier,
    keep: async ({ topic }) => {
      kept.push(topic)
    },
    report: () => undefined,
    patienceMs: 60_000,
    signal: AbortSignal.timeout(300_000),
  })
  return { found, kept }
}

const partition = async (topic: TopicName): Promise<ReceiptPartition> => {
  const { found } = await read([topic])
  if ('problem' in found) throw new Error(found.problem.detail)
  return found.partitions[0]!
}

describe('the partitions of a receipt', () => {
  it('are the same records on both sides, whatever the batches, offsets and codecs are', async () => {
    const part = await partition(await copied())
    expect(part).toMatchObject({ mirrored: 100, gone: 0, index: { runs: 1 } })
    expect(part.blocks.map(({ records, source }) => `${records} ${source}`)).toEqual([
      ...Array.from({ length: 12 }, () => '8 equal'),
      '4 equal',
    ])
    expect(part.blocks.at(-1)).toMatchObject({ sourceTo: 100, targetTo: 103 })
  })

  it('are refused with the offsets where one record is another one', async () => {
    const records = recordsFrom(0, 100)
    records[37] = { ...records[37]!, headers: [] }
    const { found, kept } = await read([await copied(records)])
    expect(found).toMatchObject({
      problem: {
        code: 'FERRY1801',
        detail: expect.stringContaining('old holds at offsets 32 to 39'),
      },
    })
    expect(kept).toEqual([])
  })

  it('are refused where the target has fewer records than the index counts', async () => {
    const topic = await copied(recordsFrom(0, 98))
    expect((await read([topic])).found).toMatchObject({ problem: { code: 'FERRY1806' } })
  })

  it('leave out what retention has taken from the target, and say what it took from the source', async () => {
    const topic = await copied()
    await deleteUpTo(pair.clusters.target, topic, 23)
    await deleteUpTo(pair.clusters.source, topic, 60)
    const part = await partition(topic)
    expect(part).toMatchObject({ mirrored: 100, gone: 20 })
    expect(part.blocks[0]).toMatchObject({ sourceFrom: 20, targetFrom: 23, source: 'gone' })
    const equal = part.blocks.filter(({ source }) => source === 'equal')
    expect(equal[0]!.sourceFrom).toBeGreaterThanOrEqual(60)
    expect(equal.length + part.blocks.filter(({ source }) => source === 'gone').length).toBe(
      part.blocks.length,
    )
  })

  it('are not all there where the decisions know of a cleaner at the copy, which excuses nothing but what it removed there itself', async () => {
    const { source, target } = pair.clusters
    const judged = async (
      holes: { readonly source?: number; readonly target: number },
      cleaners: readonly (typeof source)[],
      records = recordsFrom(0, 100),
    ) => {
      const topic = await createTopic(pair, `receipt-cleaned-${++count}`)
      const [all, mine, theirs] = [recordsFrom(0, 100), holes.source, holes.target]
      await write(source, topic, mine === undefined ? withoutNulls(all) : [])
      if (mine !== undefined) await withHole('source', topic, all, mine)
      await withHole('target', topic, [...recordsFrom(900, 3), ...records], 3 + theirs)
      await deleteUpTo(target, topic, 3)
      const found = []
      for (const cluster of [undefined, ...cleaners]) {
        const known = cluster === undefined ? [] : [{ topic, cluster: cluster.id }]
        found.push((await read([topic], [], known)).found)
      }
      const both = [source, target].map(({ id }) => ({ topic, cluster: id }))
      return [...found, (await read([topic], [], both)).found]
    }
    const refused = { problem: { code: 'FERRY1801' } }
    const block = expect.objectContaining({ sourceFrom: 48, records: 7, source: 'compacted' })
    const passed = {
      partitions: [{ mirrored: 100, gone: 1, blocks: expect.arrayContaining([block]) }],
    }

    // The target's has removed one: the others of its block were compared.
    const [none, bySource, byTarget, byBoth] = await judged({ target: 50 }, [source, target])
    expect([none, bySource]).toMatchObject([refused, refused])
    for (const found of [byTarget, byBoth]) expect(found).toMatchObject(passed)
    // So has the source's: that one must have been there, too, in another block or in the same.
    for (const mine of [20, 50]) {
      const [, onlyTarget, both] = await judged({ source: mine, target: 50 }, [target])
      expect(onlyTarget).toMatchObject(refused)
      expect(both).toHaveProperty('partitions')
    }
    // Behind what was removed another record of the block is another one.
    const changed = recordsFrom(0, 100)
    changed[52] = { ...changed[52]!, headers: [] }
    const [, onlyTarget, both] = await judged({ target: 50 }, [target], changed)
    expect([onlyTarget, both]).toMatchObject([refused, refused])
  })

  it('that were read before are not read again', async () => {
    const [one, other] = [await copied(), await copied()]
    const first = await read([one])
    if ('problem' in first.found) throw new Error(first.found.problem.detail)
    const { found, kept } = await read([one, other], first.found.partitions)
    expect(kept).toEqual([other])
    expect('partitions' in found && found.partitions.map(({ topic }) => topic)).toEqual([
      one,
      other,
    ])
  })
})
