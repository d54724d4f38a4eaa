import { partitionKey } from '../../src/domain/ids.ts'
import { LogReader } from '../../src/mirror/log-reader.ts'
import type { Place } from './_fills.ts'

/** What lies in a log, as it is there: a batch of v2, or a message of v0 or v1, which may hold others. */
export interface LoggedBatch {
  readonly magic: number
  readonly lastOffset: bigint
  readonly codec: number
  readonly isAppendTime: boolean
  /** Of v2 only. */
  readonly isTransactional: boolean
  readonly isControl: boolean
  /** Whether the base timestamp is in truth until when the cleaner keeps tombstones: bit 6, of v2 only. */
  readonly hasDeleteHorizon: boolean
  /** How many offsets it takes, and how many records it still has; 1 and 1 before v2. */
  readonly offsets: number
  readonly records: number
  /** As compressed as they are. */
  readonly payload: Buffer
}

/** Source: Kafka's protocol guide, "Record Batch" and "Message Sets"; none of Ferry's code reads here. */
const parse = (log: Buffer, at: number): LoggedBatch => {
  const end = at + 12 + log.readInt32BE(at + 8)
  const magic = log[at + 16]!
  if (magic < 2) {
    const attributes = log[at + 17]!
    const keyAt = at + 18 + (magic === 1 ? 8 : 0)
    const valueAt = keyAt + 4 + Math.max(log.readInt32BE(keyAt), 0)
    return {
      magic,
      lastOffset: log.readBigInt64BE(at),
      codec: attributes & 7,
      isAppendTime: (attributes & 8) !== 0,
      isTransactional: false,
      isControl: false,
      hasDeleteHorizon: false,
      offsets: 1,
      records: 1,
      payload: log.subarray(valueAt + 4, end),
    }
  }
  const attributes = log.readInt16BE(at + 21)
  const offsets = log.readInt32BE(at + 23) + 1
  return {
    magic,
    lastOffset: log.readBigInt64BE(at) + BigInt(offsets) - 1n,
    codec: attributes & 7,
    isAppendTime: (attributes & 8) !== 0,
    isTransactional: (attributes & 16) !== 0,
    isControl: (attributes & 32) !== 0,
    hasDeleteHorizon: (attributes & 64) !== 0,
    offsets,
    records: log.readInt32BE(at + 57),
    payload: log.subarray(at + 61, end),
  }
}

/** The log of the first partition of a topic, from its start to its high watermark. */
export const logOf = async (
  { pair, topic }: Pick<Place, 'pair' | 'topic'>,
  side: 'from' | 'to' = 'from',
) => {
  const key = partitionKey(topic, 0)
  const reader = new LogReader(pair[side])
  const batches: LoggedBatch[] = []
  try {
    const { start, end } = await reader.ends(key)
    for (let next = start; next < end; ) {
      const log = await reader.read(key, next, 1 << 20)
      let at = 0
      // The last one may be cut off.
      while (log.length - at > 12 && at + 12 + log.readInt32BE(at + 8) <= log.length) {
        const batch = parse(log, at)
        batches.push(batch)
        next = Number(batch.lastOffset) + 1
        at += 12 + log.readInt32BE(at + 8)
      }
      if (at === 0) break // A cleaner took the rest.
    }
  } finally {
    await reader.close()
  }
  return batches
}

/** The codec under the record at an offset, as its number on the wire. */
export const codecAt = (log: readonly LoggedBatch[], offset: bigint): number | undefined =>
  log.find(({ lastOffset }) => lastOffset >= offset)?.codec
