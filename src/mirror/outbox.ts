import {
  type BatchPlace,
  batchBytes,
  LAYOUT,
  MalformedBatch,
  MERGE_TARGET_BYTES,
  Merger,
  mergeCompressed,
  type ProducerStamp,
  readOffset,
  recordCount,
  stampHeader,
} from '../records/index.ts'
import type { AnswerMemory } from './budget.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { SegmentQueue } from './queue.ts'

/** Where only one batch is in flight, a larger one makes up for it. */
export const LARGE_MERGE_BYTES = 1024 * 1024

/** A compressed batch up to here is mostly header and the codec's own frame: a broker's work for it costs more than to open it. */
const TINY_BYTES = 1024
/** So many tiny ones are opened for one, and at least so many. */
const MOST_TINY = 256
const LEAST_TINY = 4
/** What a tiny one may hold: one that grows further is left alone. */
const TINY_DECOMPRESSED_BYTES = 256 * 1024

/** A batch that is ready to be sent. */
export interface OutgoingBatch {
  readonly batch: Buffer
  readonly records: number
  /** Of the largest record, rounded where a double is not exact. */
  readonly maxTimestamp: number
  /** To be given back to the pool once answered. */
  readonly pooled: Buffer | undefined
  /** What the batch is a view into: to be released once answered. */
  readonly memory: AnswerMemory | undefined
  readonly merged: boolean
  /** Source batches in it. */
  readonly sourceBatches: number
  /** A batch of the source, with nothing but its header changed. */
  readonly passedThrough: boolean
}

/**
 * Makes the next batch of a partition: merges neighbouring uncompressed ones up to `limit` bytes into a pooled buffer, opens and merges
 * neighbouring tiny ones of one codec, or passes one through with nothing but its header changed, in place. One for all partitions.
 */
export class Outbox {
  readonly #merger = new Merger()
  readonly #pool: BufferPool
  /** The source offset of the first batch where others must follow it without a hole; else -1. */
  #base = -1
  /** So many batches are not tried to be merged, since what they stand with could not be. */
  #alone = 0

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** The queue must not be empty. `splitAtHoles`: only what follows each other on the source is merged. */
  next(
    queue: SegmentQueue,
    stamp: ProducerStamp,
    limit: number,
    splitAtHoles = false,
  ): OutgoingBatch {
    const first = queue.peek()!
    this.#base = splitAtHoles ? readOffset(first.buf, first.at + LAYOUT.baseOffset) : -1
    const length = batchBytes(first.buf, first.at)
    // Half of the limit: two of that size would not fit together anyway.
    if (length * 2 <= limit && queue.bytes > length) {
      const merged = this.#merge(queue, stamp, limit) ?? this.#mergeTiny(queue, stamp, limit)
      if (merged !== undefined) return merged
    }
    return passThrough(queue, stamp)
  }

  #merge(queue: SegmentQueue, stamp: ProducerStamp, limit: number): OutgoingBatch | undefined {
    const first = queue.peek()!
    const second = first.at + batchBytes(first.buf, first.at)
    // Cheap and common: what follows is compressed or special, so there is nothing to merge with.
    if (first.buf.readUInt16BE(first.at + LAYOUT.attributes) !== 0) return undefined
    if (second < first.end && first.buf.readUInt16BE(second + LAYOUT.attributes) !== 0) {
      return undefined
    }
    const room = Math.min(limit, queue.bytes + (queue.bytes >> 2) + 4096)
    const pooled = this.#pool.take(room)
    // Too much is in flight: sending batches as they are needs no memory.
    if (pooled === undefined) return undefined
    const merger = this.#merger
    merger.start(pooled, Math.min(limit, pooled.length))
    // The first is only taken once the second fits, so that a batch by itself still passes through.
    if (!this.#add(first.buf, first.at) || !this.#addSecond(queue, second)) {
      this.#pool.give(pooled)
      return undefined
    }
    for (let added = 2; added > 0; ) {
      for (; added > 0; added--) skip(queue)
      const segment = queue.peek()
      if (segment !== undefined && this.#add(segment.buf, segment.at)) added = 1
    }
    const batch = merger.finish(stamp)
    return {
      batch,
      records: merger.records,
      maxTimestamp: maxTimestampOf(batch, 0),
      pooled,
      memory: undefined,
      merged: true,
      sourceBatches: merger.batches,
      passedThrough: false,
    }
  }

  #mergeTiny(queue: SegmentQueue, stamp: ProducerStamp, limit: number): OutgoingBatch | undefined {
    if (this.#alone > 0) {
      this.#alone--
      return undefined
    }
    const { places, records } = this.#tinyAhead(queue)
    if (places.length < LEAST_TINY) return undefined
    const batch = mergedOrNull(places, stamp, limit)
    if (batch === null) {
      this.#alone = places.length
      return undefined
    }
    for (const _ of places) skip(queue)
    return {
      batch,
      records,
      maxTimestamp: maxTimestampOf(batch, 0),
      pooled: undefined,
      memory: undefined,
      merged: true,
      sourceBatches: places.length,
      passedThrough: false,
    }
  }

  /** Tiny batches of one codec at the front of the queue. */
  #tinyAhead(queue: SegmentQueue): { readonly places: BatchPlace[]; readonly records: number } {
    const places: BatchPlace[] = []
    let records = 0
    let segment = queue.peek()!
    let { at } = segment
    const bits = segment.buf.readUInt16BE(at + LAYOUT.attributes)
    if (bits === 0) return { places, records }
    for (let later = 0; places.length < MOST_TINY; ) {
      if (at >= segment.end) {
        const next = queue.peek(++later)
        if (next === undefined) break
        segment = next
        at = next.at
      }
      const { buf } = segment
      const length = batchBytes(buf, at)
      if (length > TINY_BYTES || buf.readUInt16BE(at + LAYOUT.attributes) !== bits) break
      const isNext =
        this.#base < 0 || readOffset(buf, at + LAYOUT.baseOffset) === this.#base + records
      if (!isNext) break
      places.push({ buf, at })
      records += recordCount(buf, at)
      at += length
    }
    return { places, records }
  }

  #addSecond(queue: SegmentQueue, second: number): boolean {
    const segment = queue.peek()!
    if (second < segment.end) return this.#add(segment.buf, second)
    const next = queue.peek(1)
    return next !== undefined && this.#add(next.buf, next.at)
  }

  #add(buf: Buffer, at: number): boolean {
    const base = this.#base + this.#merger.records
    if (this.#base >= 0 && readOffset(buf, at + LAYOUT.baseOffset) !== base) return false
    try {
      return this.#merger.add(buf, at) === 'added'
    } catch (error) {
      // Its CRC is right, so it was written that way: the target judges it as it is.
      if (error instanceof MalformedBatch) return false
      throw error
    }
  }
}

const mergedOrNull = (
  places: readonly BatchPlace[],
  stamp: ProducerStamp,
  maxBytes: number,
): Buffer | null => {
  try {
    return mergeCompressed(places, stamp, { maxBytes, maxDecompressed: TINY_DECOMPRESSED_BYTES })
  } catch (error) {
    // It was written that way, or is larger inside than tiny ones are: the target judges it as it is.
    if (error instanceof MalformedBatch) return null
    throw error
  }
}

const skip = (queue: SegmentQueue): void => {
  const { buf, at } = queue.peek()!
  queue.advance(batchBytes(buf, at))
}

const passThrough = (queue: SegmentQueue, stamp: ProducerStamp): OutgoingBatch => {
  const { buf, at, memory, isOwn } = queue.peek()!
  const length = batchBytes(buf, at)
  stampHeader(buf, at, stamp)
  memory.use()
  queue.advance(length)
  return {
    batch: buf.subarray(at, at + length),
    records: recordCount(buf, at),
    maxTimestamp: maxTimestampOf(buf, at),
    pooled: undefined,
    memory,
    merged: false,
    sourceBatches: 1,
    passedThrough: !isOwn,
  }
}

const maxTimestampOf = (buf: Buffer, at: number): number =>
  buf.readInt32BE(at + LAYOUT.maxTimestamp) * 2 ** 32 +
  buf.readUInt32BE(at + LAYOUT.maxTimestamp + 4)

/** How large a merged batch may be, by how many may be in flight. */
export const mergeLimit = (alone: boolean, targetMaxBytes: number): number =>
  Math.min(alone ? LARGE_MERGE_BYTES : MERGE_TARGET_BYTES, targetMaxBytes)
