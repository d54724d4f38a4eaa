/**
 * Rates of the pure record code, in memory: `npx tsx bench/merge.ts`. Compare with the prototype's merge (kafka-facts.md) on the
 * same machine in the same minute; single figures vary by 30 %.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32'
import {
  batchBytes,
  classify,
  encodeBatch,
  encodeFiller,
  MERGE_TARGET_BYTES,
  Merger,
  nextBatch,
  recordCount,
  recordSet,
  stampHeader,
} from '../src/records/index.ts'

const STAMP = { producerId: 4711n, epoch: 3, baseSequence: 12345 }
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2)

/** A record set of `batches` batches with `records` records of `bytes` value bytes each; timestamps a second apart. */
const makeSet = (batches: number, records: number, bytes: number): Buffer => {
  let offset = 0
  return Buffer.concat(
    Array.from({ length: batches }, () => {
      const batch = encodeBatch({
        baseOffset: offset,
        records: Array.from({ length: records }, (_, i) => ({
          timestamp: 1_700_000_000_000 + (offset + i) * 1000,
          key: null,
          value: Buffer.alloc(bytes, 120),
        })),
      })
      offset += records
      return batch
    }),
  )
}

const measure = (name: string, round: () => { records: number; bytes: number }): void => {
  for (let i = 0; i < 20; i++) round()
  let records = 0
  let bytes = 0
  const start = performance.now()
  while (performance.now() - start < SECONDS * 1000) {
    const did = round()
    records += did.records
    bytes += did.bytes
  }
  const seconds = (performance.now() - start) / 1000
  const rate = Math.round(records / seconds).toLocaleString('en')
  console.log(
    `${name.padEnd(58)} ${rate.padStart(12)} records/s ${(bytes / seconds / 1e6).toFixed(0).padStart(6)} MB/s`,
  )
}

const out = Buffer.allocUnsafeSlow(MERGE_TARGET_BYTES)

/** Everything that the mirror does between two sockets: find, check, classify, merge, stamp. */
const mergeSet = (set: Buffer, check: boolean): { records: number; bytes: number } => {
  const merger = new Merger()
  merger.start(out)
  const cursor = recordSet(set)
  let records = 0
  while (nextBatch(cursor) === 'batch') {
    if (check) {
      const found = classify(set, cursor.at, { expectedNext: records, maxBytes: 1 << 20 })
      if (found !== 'pass-through') throw new Error(found)
    }
    records += recordCount(set, cursor.at)
    while (merger.add(set, cursor.at) !== 'added') {
      merger.finish(STAMP)
      merger.start(out)
    }
  }
  merger.finish(STAMP)
  return { records, bytes: set.length }
}

const shapes: readonly (readonly [string, Buffer])[] = [
  ['one record of 100 B per batch', makeSet(20_000, 1, 100)],
  ['one record of 1 KB per batch', makeSet(4000, 1, 1000)],
  ['16 KiB batches of 100 B records', makeSet(250, 148, 100)],
  ['16 KiB batches of 1 KB records', makeSet(250, 16, 1000)],
]
for (const [name, set] of shapes) {
  measure(`merge, ${name}`, () => mergeSet(set, false))
  measure(`check + classify + merge, ${name}`, () => mergeSet(set, true))
}

for (const [name, set] of [...shapes, ['1 MiB batches', makeSet(4, 1000, 1000)]] as const) {
  const places: number[] = []
  for (const cursor = recordSet(set); nextBatch(cursor) === 'batch'; ) places.push(cursor.at)
  measure(`stamp by combining CRCs, ${name}`, () => {
    for (const at of places) stampHeader(set, at, STAMP)
    return { records: places.length, bytes: set.length }
  })
  measure(`stamp by a native rescan, ${name}`, () => {
    for (const at of places) {
      set.writeBigInt64BE(STAMP.producerId, at + 43)
      set.writeInt16BE(STAMP.epoch, at + 51)
      set.writeInt32BE(STAMP.baseSequence, at + 53)
      const crc = nativeCrc32c(set.subarray(at + 21, at + batchBytes(set, at)))
      set.writeUInt32BE(crc, at + 17)
    }
    return { records: places.length, bytes: set.length }
  })
}

encodeFiller(100_000, STAMP)
measure('filler of 100,000', () => ({
  records: 100_000,
  bytes: encodeFiller(100_000, STAMP).length,
}))
