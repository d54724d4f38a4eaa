import {
  batchBytes,
  LAYOUT,
  MalformedBatch,
  MERGE_TARGET_BYTES,
  Merger,
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
 * Makes the next batch of a partition: merges neighbouring uncompressed ones up to `limit` bytes into a pooled buffer, or passes one through
 * with nothing but its header changed, in place. One for all partitions: nothing is kept between calls.
 */
export class Outbox {
  readonly #merger = new Merger()
  readonly #pool: BufferPool
  /** The source offset of the first batch where others must follow it without a hole; else -1. */
  #base = -1

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
      const merged = this.#merge(queue, stamp, limit)
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
