import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it, vi } from 'vitest'
import type { BrokerLink, Cluster } from '../../src/kafka/cluster.ts'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import {
  encodeBatch,
  forEachRecord,
  MalformedBatch,
  mergeCompressed,
  parseRecord,
  RecordTable,
} from '../../src/records/index.ts'
import { memoryInUse } from '../_memory.ts'
import { oracle } from '../kafka/oracle.ts'
import {
  contentOf,
  createTopic,
  endsOf,
  FileProgress,
  markTopic,
  mirrorOptions,
  type Pair,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from './_support.ts'

/** How often each of all ways into a batch was taken; merging reads where records begin, which no batch that passes through needs. */
const opened = vi.hoisted(() => ({
  ways: new Map<string, number>(),
  /** These of a module, counted. */
  counted<M extends object>(module: M, names: readonly (keyof M & string)[]): M {
    const count = (name: string, way: unknown) =>
      new Proxy(way as () => unknown, {
        apply: (target, self, args) => {
          this.ways.set(name, (this.ways.get(name) ?? 0) + 1)
          return Reflect.apply(target, self, args)
        },
      })
    return {
      ...module,
      ...Object.fromEntries(names.map((name) => [name, count(name, module[name])])),
    }
  },
}))
vi.mock('../../src/records/read-records.ts', async (original) =>
  opened.counted(await original<typeof import('../../src/records/read-records.ts')>(), [
    'forEachRecord',
    'recordsOf',
    'parseRecord',
  ]),
)
vi.mock('../../src/records/codecs.ts', async (original) =>
  opened.counted(await original<typeof import('../../src/records/codecs.ts')>(), [
    'decompress',
    'compress',
  ]),
)
vi.mock('../../src/records/old-format.ts', async (original) =>
  opened.counted(await original<typeof import('../../src/records/old-format.ts')>(), [
    'forEachOldRecord',
  ]),
)
vi.mock('../../src/records/record-table.ts', async (original) => {
  const actual = await original<typeof import('../../src/records/record-table.ts')>()
  Object.assign(
    actual.RecordTable.prototype,
    opened.counted(actual.RecordTable.prototype, ['load']),
  )
  return actual
})

/** A place in a list for each would take twice what is allowed. */
const MANY = 500_000
const PARTITIONS = 60
const RECORDS = 24_000

/** Counts what goes over the connections of a cluster. */
const counting = (cluster: Cluster) => {
  const counts = { links: 0, fetches: 0, produces: 0 }
  const connectBroker = async (nodeId: number): Promise<BrokerLink> => {
    const link = await cluster.connectBroker(nodeId)
    counts.links++
    return {
      nodeId,
      get connected() {
        return link.connected
      },
      fetch: async (request, space) => {
        const answers = await link.fetch(request, space)
        // A look that finds nothing comes with time, not with what there is to copy.
        if (answers.some(({ records }) => records.length > 0)) counts.fetches++
        return answers
      },
      produce: (request) => {
        counts.produces++
        return link.produce(request)
      },
      writeMarkers: (request) => link.writeMarkers(request),
      logStarts: (partitions) => link.logStarts(partitions),
      close: () => link.close(),
    }
  }
  const port = new Proxy(cluster, {
    get: (of, name) => {
      if (name === 'connectBroker') return connectBroker
      const value = Reflect.get(of, name, of)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
  return { port, counts }
}

it('each way into a batch is counted', () => {
  const record = { timestamp: 1, key: null, value: Buffer.from('v') }
  const batch = encodeBatch({ records: [record], codec: 'gzip' })
  opened.ways.clear()
  forEachRecord(batch, 0, (found) => void parseRecord(found))
  mergeCompressed(
    [{ buf: batch, at: 0 }],
    { producerId: 1n, epoch: 0, baseSequence: 0 },
    { maxBytes: 1_000 },
  )
  const old = Buffer.alloc(40)
  for (const each of [batch, old]) {
    try {
      new RecordTable().load(each, 0, 0)
    } catch (error) {
      // Of the old one there is nothing but its format.
      ok(error instanceof MalformedBatch)
    }
  }
  deepStrictEqual([...opened.ways.keys()].sort(), [
    'compress',
    'decompress',
    'forEachOldRecord',
    'forEachRecord',
    'load',
    'parseRecord',
    'recordsOf',
  ])
})

describe('the relay', () => {
  let pair: Pair
  beforeAll(async () => {
    pair = await startPair()
  })
  afterAll(() => pair?.stop())

  it('opens no batch, holds no more than its budget, and asks brokers, not partitions', async () => {
    const { source, target } = pair
    const from = counting(pair.from)
    const to = counting(pair.to)
    const topic = topicName('relay')
    await createTopic(pair.from, topic, PARTITIONS)
    await createTopic(pair.to, topic, PARTITIONS)
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    for (const compression of ['none', 'lz4'] as const) {
      await oracle.produce(source, topic, {
        count: RECORDS / 2,
        size: 1_000,
        noise: 900,
        compression,
        partitions,
        lingerMs: 1_000,
      })
    }
    const ends = await endsOf(
      pair.from,
      partitions.map((partition) => ({ topic, partition })),
    )
    await withFolder(async (folder) => {
      const memoryBudget = 8 * 1024 * 1024
      const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
      opened.ways.clear()
      const mirror = startMirror(
        mirrorOptions(from.port, to.port, new FileProgress(`${folder}/progress`), { memoryBudget }),
      )
      let most = 0
      const looking = setInterval(() => {
        most = Math.max(most, mirror.bufferBytes)
      }, 1)
      try {
        mirror.follow([{ migration: 'm', marks, seals: [] }])
        await untilCopied(mirror, ends)
      } finally {
        clearInterval(looking)
        await mirror.stop()
      }
      deepStrictEqual([[...opened.ways], mirror.counters.recordsReEncoded], [[], 0])
      ok(mirror.counters.batchesMerged > 0 && mirror.counters.batchesPassedThrough > 0)
      ok(most > memoryBudget / 4 && most <= memoryBudget, `${most} bytes of ${memoryBudget}`)
      // One to fetch and two to send; each log was read over one more, if at all.
      ok(from.counts.links <= 2, `${from.counts.links} connections to the source`)
      ok(to.counts.links <= 3, `${to.counts.links} connections to the target`)
      // 25 MB: answers of 2 MB on average.
      ok(from.counts.fetches < PARTITIONS, `${from.counts.fetches} fetches`)
    })
    const read = async (of: Pair['source']) => contentOf(await oracle.read(of, topic))
    const copied = await read(target)
    strictEqual(copied.length, RECORDS)
    deepStrictEqual(copied, await read(source))
  })

  it('keeps nothing of the records: as many again leave no more in memory', async () => {
    // Passed through, and opened and encoded anew; neither has holes.
    const topics = [topicName('kept'), topicName('kept-stamped')]
    await createTopic(pair.from, topics[0]!, 1)
    await createTopic(pair.from, topics[1]!, 1, { 'message.timestamp.type': 'LogAppendTime' })
    for (const topic of topics) await createTopic(pair.to, topic, 1)
    await withFolder(async (folder) => {
      const marks = await Promise.all(
        topics.map((topic) => markTopic(pair.from, pair.to, topic, { mode: 'dense' })),
      )
      const store = new FileProgress(`${folder}/progress`)
      const memoryBudget = 4 * 1024 * 1024
      const mirror = startMirror(mirrorOptions(pair.from, pair.to, store, { memoryBudget }))
      mirror.follow([{ migration: 'm', marks: marks.flat(), seals: [] }])
      const copy = async (count: number): Promise<number> => {
        await oracle.writeMany(
          pair.source,
          topics.map((topic) => ({ topic, count, size: 20, batchSize: 100_000, lingerMs: 5 })),
        )
        const places = topics.map((topic) => ({ topic, partition: 0 }))
        await untilCopied(mirror, await endsOf(pair.from, places))
        return memoryInUse()
      }
      try {
        // Buffers, and what is compiled on the way: kept once.
        const warm = await copy(MANY)
        const twice = await copy(MANY)
        strictEqual(mirror.counters.recordsReEncoded, 2 * MANY)
        // As metrics show them.
        const { batchesPassedThrough, batchesReEncoded } = mirror.facts().counters
        ok(batchesPassedThrough > 0 && batchesReEncoded > 0, `${batchesReEncoded} opened`)
        ok(twice - warm < 2e6, `${twice - warm} bytes more for ${2 * MANY} records more`)
      } finally {
        await mirror.stop()
      }
    })
  })
})
