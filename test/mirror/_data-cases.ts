import { randomBytes } from 'node:crypto'
import type { NewRecord } from '../../src/records/index.ts'
import type { KafkaVersion } from '../kafka/index.ts'
import { oracle, type Writing } from '../kafka/oracle.ts'
import {
  COMPACTED,
  codecsOf,
  fillCompacted,
  fillCompactedTransactions,
  fillGrowingFormats,
  fillRawSnappy,
  isBefore,
  oldFormats,
  type Place,
  produceAll,
  since,
  startInside,
  writeRaw,
} from './_fills.ts'
import type { LoggedBatch } from './_log.ts'

/** One kind of data that a source may hold. */
export interface DataCase {
  readonly name: string
  /** Why a version cannot make it; undefined if it can. */
  readonly impossible?: (version: KafkaVersion) => string | undefined
  readonly configs?: Readonly<Record<string, string>>
  readonly targetConfigs?: Readonly<Record<string, string>>
  readonly fill: (place: Place) => Promise<void>
  /** Whether the source's log really holds what the case is about; default: nothing is asked. */
  readonly holds?: (log: readonly LoggedBatch[], version: KafkaVersion) => boolean
  /** Whether the target's log shows what was done to it; default: nothing is asked. */
  readonly becomes?: (log: readonly LoggedBatch[]) => boolean
  /** Whether anything had to be opened. */
  readonly opens: boolean
}

const hasHoles = ({ offsets, records }: LoggedBatch): boolean => 0 < records && records < offsets
const isEmptied = ({ records }: LoggedBatch): boolean => records === 0
const SNAPPY = 2
const LZ4 = 3
const isRawSnappy = (log: readonly LoggedBatch[]): boolean =>
  log.every(
    ({ codec, payload }) => codec === SNAPPY && payload.toString('latin1', 1, 7) !== 'SNAPPY',
  )
const GZIP = 1
/** What the target of a case takes that has to split batches. */
const SMALL_BYTES = '300000'
const isLarge = ({ payload }: LoggedBatch): boolean => payload.length > Number(SMALL_BYTES)
/** Further apart than 32 bits can say. */
const FAR = 2 ** 40
const codecsIn = (log: readonly LoggedBatch[]) => new Set(log.map(({ codec }) => codec))
/** Those of a version have the ids from 0 on. */
const hasEveryCodec = (log: readonly LoggedBatch[], version: KafkaVersion): boolean =>
  codecsOf(version).every((_, id) => codecsIn(log).has(id))
/** Messages of this format, single ones and sets of every codec that it knows. */
const isOf = (magic: number) => (log: readonly LoggedBatch[]) =>
  log.every((batch) => batch.magic === magic) && hasEveryCodec(log, '0.10.2')
/** What a cleaner leaves of them: the last writer of a key used lz4. */
const isOfCompacted = (magic: number) => (log: readonly LoggedBatch[]) =>
  log.every((batch) => batch.magic === magic) && codecsIn(log).has(LZ4)

export const DATA_CASES: readonly DataCase[] = [
  {
    name: 'plain, every codec',
    fill: (place) => produceAll(place, {}),
    holds: hasEveryCodec,
    // The format of 0.10.2 is old by itself.
    opens: false,
  },
  {
    name: 'transactions, some aborted',
    impossible: since('0.11', 'transactions'),
    fill: ({ pair, version, topic }) =>
      oracle.writeMany(pair.source, [
        ...codecsOf(version).flatMap((compression, i): Writing[] => [
          {
            topic,
            count: 210,
            firstId: i * 1_000,
            compression,
            transactionalId: `${topic}-${i}`,
            commitEvery: 7,
            abortEvery: 3,
          },
          { topic, count: 5, valuePrefix: 'plain-' },
        ]),
        // The log ends with what no consumer sees.
        { topic, count: 10, transactionalId: `${topic}-last`, abortEvery: 1 },
      ]),
    opens: false,
  },
  {
    name: 'compacted',
    configs: COMPACTED,
    fill: fillCompacted,
    // What is left of a producer whose records are all gone.
    holds: (log, version) =>
      isBefore(version, '0.11') ||
      (log.some(hasHoles) &&
        log.some(isEmptied) &&
        (isBefore(version, '3.9') || log.some(({ hasDeleteHorizon }) => hasDeleteHorizon))),
    opens: true,
  },
  {
    name: 'compacted, with transactions',
    impossible: since('0.11', 'transactions'),
    configs: COMPACTED,
    fill: fillCompactedTransactions,
    holds: (log, version) => {
      const data = log.filter((batch) => batch.isTransactional && !batch.isControl)
      // Since 4.0 each marker raises its producer's epoch (KIP-890), and is what a cleaner keeps of it, not the last batch.
      const isKept = data.some(isEmptied) || version === '4.x'
      return isKept && data.some(hasHoles) && log.some(({ isControl }) => isControl)
    },
    opens: true,
  },
  {
    name: 'snappy without frames',
    fill: fillRawSnappy,
    holds: isRawSnappy,
    opens: false,
  },
  {
    name: 'snappy without frames, append time',
    configs: { 'message.timestamp.type': 'LogAppendTime' },
    fill: fillRawSnappy,
    holds: isRawSnappy,
    opens: true,
  },
  {
    name: 'append time',
    configs: { 'message.timestamp.type': 'LogAppendTime' },
    fill: (place) => produceAll(place, { timestamp: 5_000, timestampStep: 1_000 }),
    holds: (log) => log.every(({ isAppendTime }) => isAppendTime),
    opens: true,
  },
  {
    name: 'log start inside of a batch',
    impossible: since('0.11', 'DeleteRecords'),
    fill: async (place) => {
      const { pair, topic } = place
      const options = { count: 1_000, lingerMs: 300, batchSize: 200_000 } as const
      await oracle.writeMany(pair.source, [
        { topic, ...options, compression: 'gzip' },
        { topic, ...options },
      ])
      await startInside(place)
    },
    opens: true,
  },
  {
    name: 'batches larger than the target takes',
    configs: { 'max.message.bytes': '8000000' },
    targetConfigs: { 'max.message.bytes': SMALL_BYTES },
    fill: async ({ pair, topic }) => {
      const records = Array.from({ length: 40 }, (_, i) => ({
        key: `k${i}`,
        value: randomBytes(15_000).toString('base64'),
        timestamp: 1_000_000 + i,
      }))
      const options = { topic, records, batchSize: 4_000_000, lingerMs: 2_000 } as const
      await oracle.writeMany(pair.source, [options, { ...options, compression: 'gzip' }])
    },
    opens: true,
  },
  {
    name: 'transactions with batches larger than the target takes, some aborted',
    impossible: since('0.11', 'transactions'),
    configs: { 'max.message.bytes': '8000000' },
    targetConfigs: { 'max.message.bytes': SMALL_BYTES },
    fill: ({ pair, topic }) =>
      oracle.writeMany(
        pair.source,
        (['none', 'gzip'] as const).map((compression, i) => ({
          topic,
          count: 160,
          firstId: i * 1_000,
          size: 15_000,
          noise: 15_000,
          compression,
          transactionalId: `${topic}-${i}`,
          commitEvery: 40,
          abortEvery: 2,
          batchSize: 4_000_000,
          lingerMs: 2_000,
        })),
      ),
    holds: (log) => {
      const large = log.filter((batch) => batch.isTransactional && isLarge(batch))
      // Half of them are aborted.
      const ofBoth = [0, GZIP].every((id) => large.filter(({ codec }) => codec === id).length > 1)
      return ofBoth && log.filter(({ isControl }) => isControl).length === 8
    },
    // Only what fills holes has that bit.
    becomes: (log) =>
      log.every((batch) => batch.isTransactional === batch.isControl && !isLarge(batch)),
    opens: true,
  },
  {
    name: 'times far apart in batches that are cut, merged or split',
    impossible: since('0.11', 'the format that allows all of them, and DeleteRecords,'),
    targetConfigs: { 'max.message.bytes': SMALL_BYTES },
    fill: async (place) => {
      const record = (timestamp: number, bytes = 10): NewRecord => ({
        timestamp,
        key: Buffer.from('k'),
        value: Buffer.alloc(bytes, String(timestamp)),
      })
      const apart = [record(0), record(FAR)]
      await writeRaw(place, [[record(FAR), ...apart, record(5), record(FAR + 5)]])
      await writeRaw(
        place,
        Array.from({ length: 6 }, () => apart),
        'gzip',
      )
      await writeRaw(place, [
        Array.from({ length: 20 }, (_, i) => record(i % 2 === 0 ? 0 : FAR + i, 20_000)),
      ])
      await startInside(place)
    },
    holds: (log) =>
      log[0]!.lastOffset === 4n &&
      log.filter(({ codec }) => codec === GZIP).length === 6 &&
      log.some(isLarge),
    becomes: (log) =>
      log.filter(({ codec }) => codec === GZIP).length < 6 && log.every((batch) => !isLarge(batch)),
    opens: true,
  },
  {
    name: 'times far apart, missing, and in nanoseconds',
    impossible: since('0.11', 'the format that allows all of them'),
    fill: (place) => {
      const record = (timestamp: number | bigint): NewRecord => ({
        timestamp,
        key: Buffer.from('k'),
        value: Buffer.from(String(timestamp)),
      })
      return writeRaw(place, [
        [record(-1), record(-1), record(-1)],
        [record(0), record(2 ** 33), record(1), record(2 ** 41)],
        [record(-1), record(Date.now()), record(5)],
        [record(1_764_000_000_000_000_000n), record(3), record(1_764_000_000_000_000_001n)],
        Array.from({ length: 20 }, (_, i) => record(Date.now() + i)),
      ])
    },
    opens: false,
  },
  {
    name: 'messages of 0.9.0, then of 0.10.0, then batches',
    impossible: (version) => since('0.11', 'batches')(version) ?? oldFormats(version),
    configs: { 'message.format.version': '0.9.0' },
    fill: fillGrowingFormats,
    holds: (log) =>
      [...new Set(log.map(({ magic }) => magic))].join() === '0,1,2' &&
      [0, 1].every((old) =>
        hasEveryCodec(
          log.filter(({ magic }) => magic === old),
          '0.10.2',
        ),
      ),
    opens: true,
  },
  ...(['0.9.0', '0.10.0'] as const).flatMap((format, magic): DataCase[] => [
    {
      name: `message format of ${format}`,
      impossible: oldFormats,
      configs: { 'message.format.version': format },
      fill: (place) => produceAll({ ...place, version: '0.10.2' }, {}),
      holds: isOf(magic),
      opens: true,
    },
    {
      name: `message format of ${format}, log start inside of a set`,
      impossible: (version) => since('0.11', 'DeleteRecords')(version) ?? oldFormats(version),
      configs: { 'message.format.version': format },
      fill: async (place) => {
        const options = { count: 1_000, lingerMs: 300, batchSize: 200_000 } as const
        await oracle.writeMany(
          place.pair.source,
          (['gzip', 'lz4'] as const).map((compression) => ({
            topic: place.topic,
            ...options,
            compression,
          })),
        )
        await startInside(place)
      },
      holds: (log) => log[0]!.codec === GZIP && log.every((batch) => batch.magic === magic),
      opens: true,
    },
    {
      name: `message format of ${format}, compacted`,
      impossible: oldFormats,
      // Without times segments are rolled by their size.
      configs: { ...COMPACTED, 'segment.bytes': '5000', 'message.format.version': format },
      fill: (place) => fillCompacted({ ...place, version: '0.10.2' }),
      holds: isOfCompacted(magic),
      opens: true,
    },
  ]),
  {
    name: 'message format of 0.10.0, append time',
    impossible: oldFormats,
    configs: { 'message.format.version': '0.10.0', 'message.timestamp.type': 'LogAppendTime' },
    fill: (place) => produceAll({ ...place, version: '0.10.2' }, { timestamp: 5_000 }),
    holds: (log) => isOf(1)(log) && log.every(({ isAppendTime }) => isAppendTime),
    opens: true,
  },
]
