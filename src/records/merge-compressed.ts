import { attributes, codec, HEADER_BYTES, recordCount } from './batch.ts'
import { compress } from './codecs.ts'
import { GROWTH_PER_RECORD, Merger } from './merge.ts'
import { recordsOf } from './read-records.ts'
import { type ProducerStamp, stampAndSeal } from './rewrite.ts'

/** A batch in a buffer. */
export interface BatchPlace {
  readonly buf: Buffer
  readonly at: number
}

/**
 * Merges neighbouring batches of one codec: decompresses, merges, compresses once. For tiny compressed batches only: the CPU goes
 * into the codec (gzip 50 MB/s), and pass-through costs none. Returns null if they cannot be merged (codecs differ, anything that
 * `Merger` leaves alone) or if the result has more than `maxBytes`: send them by themselves then. Throws MalformedBatch.
 */
export const mergeCompressed = (
  batches: readonly BatchPlace[],
  stamp: ProducerStamp,
  limits: { readonly maxBytes: number; readonly maxDecompressed?: number },
): Buffer | null => {
  const [first] = batches
  if (first === undefined) return null
  const bits = attributes(first.buf, first.at)
  const how = codec(first.buf, first.at)
  if (how === undefined || bits > 7) return null
  if (batches.some(({ buf, at }) => attributes(buf, at) !== bits)) return null
  const opened = batches.map(({ buf, at }) => ({
    buf,
    at,
    count: recordCount(buf, at),
    records: recordsOf(buf, at, limits.maxDecompressed),
  }))
  const bound = opened.reduce<number>(
    (sum, { count, records }) => sum + records.end - records.start + count * GROWTH_PER_RECORD,
    HEADER_BYTES,
  )
  if (!(bound >= HEADER_BYTES && bound < 2 ** 31)) return null
  const merger = new Merger()
  const plain = Buffer.allocUnsafe(bound)
  merger.start(plain)
  for (const { buf, at, records } of opened) {
    if (merger.addRecords(buf, at, records.bytes, records.start, records.end) !== 'added') {
      return null
    }
  }
  const body = compress(how, plain.subarray(HEADER_BYTES, merger.bytes))
  if (HEADER_BYTES + body.length > limits.maxBytes) return null
  const out = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  out.set(body, HEADER_BYTES)
  merger.writeHeader(out, out.length, bits)
  stampAndSeal(out, 0, stamp)
  return out
}
