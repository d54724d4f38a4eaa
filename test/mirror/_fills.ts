import { ok, strictEqual } from 'node:assert/strict'
import kafkajs from 'kafkajs'
import { compressSync, uncompressSync } from 'snappy'
import { partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { type Codec, encodeBatch, type NewRecord } from '../../src/records/index.ts'
import { untilCleaned } from '../kafka/cleaner.ts'
import type { KafkaVersion } from '../kafka/index.ts'
import { oracle, type ProduceOptions, type RecordToWrite, type Writing } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import { logOf } from './_log.ts'
import type { Pair } from './_support.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What a broker needs for these cases: a cleaner that is quick, and records of any time. */
export const caseConfig = (version: KafkaVersion): Readonly<Record<string, string>> => ({
  'log.cleaner.backoff.ms': '200',
  'log.cleaner.enable': 'true',
  ...(version === '4.x' && { 'log.message.timestamp.after.max.ms': '9223372036854775807' }),
})

/** Where a case is made. */
export interface Place {
  readonly pair: Pair
  readonly version: KafkaVersion
  readonly topic: TopicName
}

const AGE: readonly KafkaVersion[] = ['0.10.2', '0.11', '1.1', '2.8', '3.9', '4.x']
export const isBefore = (version: KafkaVersion, other: KafkaVersion): boolean =>
  AGE.indexOf(version) < AGE.indexOf(other)

export const since =
  (first: KafkaVersion, what: string) =>
  (version: KafkaVersion): string | undefined =>
    isBefore(version, first) ? `${what} came with ${first}` : undefined

/** Formats of messages that a topic keeps are a setting until 3.0. */
export const oldFormats = (version: KafkaVersion): string | undefined =>
  isBefore(version, '3.9') ? undefined : 'old message formats cannot be written any more'

export const codecsOf = (version: KafkaVersion) =>
  isBefore(version, '2.8')
    ? (['none', 'gzip', 'snappy', 'lz4'] as const)
    : (['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)

/** Null and empty, repeated headers with null values, times far apart. */
const awkward = (version: KafkaVersion): RecordToWrite[] => [
  { key: null, value: 'no key', timestamp: 1 },
  { key: 'tombstone', value: null, timestamp: Date.now() - 90 * DAY },
  {
    key: '',
    value: '',
    timestamp: Date.now() + 10 * 60_000,
    ...(!isBefore(version, '0.11') && {
      headers: [
        ['h', null],
        ['h', ''],
        ['h', 'x'],
        ['', 'y'],
      ],
    }),
  },
  { key: 'k', value: 'v'.repeat(20_000), timestamp: 4_000 },
]

export const produceAll = (
  { pair, version, topic }: Place,
  options: Partial<ProduceOptions>,
): Promise<void> =>
  oracle.writeMany(
    pair.source,
    codecsOf(version).flatMap((compression, i): Writing[] => [
      { topic, count: 300, firstId: i * 300, compression, ...options },
      { topic, records: awkward(version), compression, lingerMs: 200 },
    ]),
  )

/** Batches as Ferry's own code writes them, for what no Java client can. */
export const writeRaw = async (
  { pair, topic }: Pick<Place, 'pair' | 'topic'>,
  batches: readonly (readonly NewRecord[])[],
  codec: Codec = 'none',
): Promise<void> => {
  const { brokers } = await pair.from.describeCluster()
  const link = await pair.from.connectBroker(brokers[0]!.nodeId)
  try {
    for (const records of batches) {
      const partitions = [{ partition: 0, batch: [encodeBatch({ records, codec })] }]
      const [answer] = await link.produce({ topics: [{ topic, partitions }], timeoutMs: 10_000 })
      strictEqual(answer?.errorCode, 0)
    }
  } finally {
    await link.close()
  }
}

/** Moves the log start of the source into what stands first in the log, between two of its records. */
export const startInside = async ({
  pair,
  topic,
}: Pick<Place, 'pair' | 'topic'>): Promise<void> => {
  const [first] = await logOf({ pair, topic })
  const inside = (first!.lastOffset + 1n) / 2n
  ok(inside > 0n, 'the first batch holds one record only')
  const key = partitionKey(topic, 0)
  strictEqual((await pair.from.deleteRecords(new Map([[key, inside]]))).failed.size, 0)
  const starts = await pair.from.listOffsets([{ topic, partition: 0 }], 'earliest')
  strictEqual(starts.ok.get(key), inside)
}

/** Segments are rolled by the records' times, so that the cleaner may begin at once. */
export const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': '600000',
  'min.cleanable.dirty.ratio': '0.001',
}

/** Writes keys again and again, and waits until the cleaner has made holes; transactions end with their abort or commit as usual. */
const compact = async (
  { pair, version, topic }: Place,
  options: { readonly start: number; readonly transactions: boolean },
): Promise<void> => {
  const { start, transactions } = options
  const tombstones = Array.from({ length: 20 }, (_, i) => ({
    key: `key-${i * 3}`,
    value: null,
    timestamp: start + 20 * HOUR + i,
  }))
  await oracle.writeMany(pair.source, [
    ...codecsOf(version).map((compression, i) => ({
      topic,
      count: 400,
      keys: 90 + i * 7,
      firstId: i * 1_000,
      timestamp: start + i * HOUR,
      timestampStep: 1,
      batchSize: 4_000,
      compression,
      idempotent: !isBefore(version, '0.11'),
      ...(transactions && {
        transactionalId: `${topic}-${i}`,
        commitEvery: 20,
        abortEvery: 4,
      }),
    })),
    { topic, records: tombstones },
    {
      topic,
      // The last segment is never cleaned: this rolls it.
      records: [
        { key: 'roll', value: 'x', timestamp: start + 25 * HOUR },
        { key: 'roll', value: 'y', timestamp: start + 25 * HOUR + 1 },
      ],
    },
  ])
  await untilCleaned(pair.source, [topic])
  const { length } = await oracle.read(pair.source, topic)
  ok(length < 500, `${length} are left`)
}

export const fillCompacted = (place: Place): Promise<void> =>
  compact(place, { start: Date.now() - 30 * HOUR, transactions: false })

/** Markers have the time of now, so that nothing before it would roll a segment. */
export const fillCompactedTransactions = (place: Place): Promise<void> =>
  compact(place, { start: Date.now(), transactions: true })

/** One block of snappy without the framing of Java's library, which other clients write: kafkajs here, with this codec. */
const rawSnappy = (): unknown => ({
  compress: async ({ buffer }: { readonly buffer: Buffer }) => compressSync(buffer),
  decompress: async (bytes: Buffer) => uncompressSync(bytes, { asBuffer: true }),
})

/** Batches of one record, and one that Java would frame in several chunks. */
export const fillRawSnappy = async ({ pair, version, topic }: Place): Promise<void> => {
  const { CompressionCodecs, CompressionTypes, Kafka, Partitioners } = kafkajs
  Object.assign(CompressionCodecs, { [CompressionTypes.Snappy]: rawSnappy })
  const producer = new Kafka(pair.source.kafka()).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  const some = (count: number, first: number) =>
    Array.from({ length: count }, (_, i) => ({
      partition: 0,
      key: i % 7 === 3 ? null : `key-${first + i}`,
      value: i % 5 === 4 ? null : i % 11 === 6 ? '' : `value ${first + i} `.repeat(20),
      timestamp: String(1_700_000_000_000 + first + i),
      ...(!isBefore(version, '0.11') && { headers: { h: ['a', ''], '': 'x' } }),
    }))
  await producer.connect()
  try {
    for (const [i, count] of [1, 1, 1, 800, 1, 40, 1].entries()) {
      const messages = some(count, i * 1_000)
      await producer.send({ topic, messages, compression: CompressionTypes.Snappy, acks: -1 })
    }
  } finally {
    await producer.disconnect()
  }
}

/** The format of its messages is raised twice while a topic is written to, as brokers are that grow with the years. */
export const fillGrowingFormats = async (place: Place): Promise<void> => {
  const { pair, topic } = place
  const admin = new kafkajs.Kafka(pair.source.kafka()).admin()
  await admin.connect()
  try {
    for (const [magic, format] of ['0.9.0', '0.10.0', '0.11.0'].entries()) {
      const configEntries = [
        { name: 'retention.ms', value: '-1' },
        { name: 'message.format.version', value: format },
      ]
      const type = kafkajs.ConfigResourceTypes.TOPIC
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type, name: topic, configEntries }],
      })
      await waitFor(`messages of ${format}`, { timeoutMs: 30_000, everyMs: 200 }, async () => {
        await oracle.produce(pair.source, topic, { count: 1 })
        return (await logOf(place)).at(-1)?.magic === magic || undefined
      })
      await produceAll({ ...place, version: magic < 2 ? '0.10.2' : place.version }, {})
    }
  } finally {
    await admin.disconnect()
  }
}
