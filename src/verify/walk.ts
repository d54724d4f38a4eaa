import type { OffsetIndex } from '../domain/offset-index.ts'
import { batchBytes, LAYOUT, magic, producerId, recordCount } from '../records/batch.ts'
import { DecodedBatch, decode, sameBytes, sameContent } from './decoded-batch.ts'
import type { Finding } from './finding.ts'
import type { LogStream, ReadStop } from './log-stream.ts'
import { Translator } from './translator.ts'

/**
 * Where a walk stopped, after `compared` equal records; `gone` were passed over because a cleaner removed them on one side.
 * - `unequal`: the records at these offsets belong together and are not the same.
 * - `source-gone`, `target-gone`: the log now starts above the next offset.
 */
export type WalkEnd = { readonly compared: number; readonly gone: number } & (
  | { readonly kind: 'done' }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'unequal'; readonly source: number; readonly target: number }
  | {
      readonly kind: 'source-gone' | 'target-gone'
      readonly offset: number
      readonly logStart: number
    }
)
type Stop<T = WalkEnd> = T extends unknown ? Omit<T, 'compared' | 'gone'> : never

/** One side of a walk: its stream, and the records of the batch it is in. */
class Cursor {
  readonly stream: LogStream
  readonly records = new DecodedBatch()
  /** The stream's batch is not decoded yet. */
  fresh = false

  constructor(stream: LogStream) {
    this.stream = stream
  }

  /** Moves on to the next batch if all records of this one were looked at. */
  peek(): 'ready' | 'wait' | 'end' {
    if (this.fresh || this.records.place < this.records.count) return 'ready'
    const found = this.stream.next()
    this.fresh = found === 'batch'
    return found === 'batch' ? 'ready' : found
  }

  decode(): ReadStop | undefined {
    this.fresh = false
    return decode(this.records, this.stream)
  }
}

/** Walks two streams of one partition in step. Batches that are the same bytes on both sides are compared as one, others by record. */
export class Walk {
  readonly #translator: Translator
  /** Asked about target records alone, so that neither forgets its run for the other. */
  readonly #places: Translator
  readonly #source: Cursor
  readonly #target: Cursor
  readonly #compacted: { readonly source: boolean; readonly target: boolean }
  #compared = 0
  #gone = 0

  constructor(
    index: OffsetIndex,
    source: LogStream,
    target: LogStream,
    compacted: { readonly source: boolean; readonly target: boolean },
  ) {
    this.#translator = new Translator(index)
    this.#places = new Translator(index)
    this.#source = new Cursor(source)
    this.#target = new Cursor(target)
    this.#compacted = compacted
  }

  /** To the first difference, or to the end of both. */
  async run(): Promise<WalkEnd> {
    for (;;) {
      const source = this.#source.peek()
      if (source === 'wait') {
        await this.#source.stream.more()
        continue
      }
      const target = this.#target.peek()
      if (target === 'wait') {
        await this.#target.stream.more()
        continue
      }
      const stop = this.#step(source, target)
      if (stop !== undefined) {
        return { ...stop, compared: this.#compared, gone: this.#gone } as WalkEnd
      }
    }
  }

  #step(source: 'ready' | 'end', target: 'ready' | 'end'): Stop | undefined {
    const both = source === 'ready' && target === 'ready'
    if (both && this.#source.fresh && this.#target.fresh && this.#isSameBatch()) {
      this.#compared += recordCount(this.#source.stream.batch, this.#source.stream.at)
      this.#source.fresh = false
      this.#target.fresh = false
      return undefined
    }
    if (this.#source.fresh) return unreadable('source', this.#source.decode())
    if (this.#target.fresh) return unreadable('target', this.#target.decode())
    if (both) return this.#compareRecords()
    return this.#atEnd(source, target)
  }

  /** The bytes that the mirror leaves alone when it passes a batch through, at the place that the index says. */
  #isSameBatch(): boolean {
    const { batch: mine, at, base, last, range } = this.#source.stream
    const { batch: theirs, at: theirAt, base: theirBase, last: theirLast } = this.#target.stream
    if (magic(mine, at) !== 2 || magic(theirs, theirAt) !== 2) return false
    const bytes = batchBytes(mine, at)
    const { attributes, producerId: producer, recordCount: count } = LAYOUT
    return (
      bytes === batchBytes(theirs, theirAt) &&
      base >= range.from &&
      last < range.to &&
      theirLast < this.#target.stream.range.to &&
      this.#translator.inOneRun(base, last) &&
      this.#translator.target(base) === theirBase &&
      sameBytes(mine, at + count, at + bytes, theirs, theirAt + count, theirAt + bytes) &&
      sameBytes(
        mine,
        at + attributes,
        at + producer,
        theirs,
        theirAt + attributes,
        theirAt + producer,
      )
    )
  }

  /** Record by record until one side's batch is used up. */
  #compareRecords(): Stop | undefined {
    const mine = this.#source.records
    const theirs = this.#target.records
    const { offsets, timestamps, attributes, count } = mine
    const translator = this.#translator
    const first = mine.place
    let i = first
    let j = theirs.place
    let stop: Stop | undefined
    let skipped = 0
    while (i < count && j < theirs.count) {
      const source = offsets[i]!
      const target = theirs.offsets[j]!
      const expected = translator.target(source)
      if (expected !== target) {
        if (target > expected && expected >= 0 && this.#compacted.target) {
          i++
          skipped++
          continue
        }
        if (target < expected && this.#compacted.source && this.#places.isPlaced(target)) {
          j++
          this.#gone++
          continue
        }
        stop = this.#misplaced(source, expected, target)
        break
      }
      if (
        timestamps[i] !== theirs.timestamps[j] ||
        attributes[i] !== theirs.attributes[j] ||
        !sameContent(mine, i, theirs, j)
      ) {
        stop = { kind: 'unequal', source, target }
        break
      }
      i++
      j++
    }
    mine.place = i
    theirs.place = j
    this.#compared += i - first - skipped
    this.#gone += skipped
    return stop
  }

  #misplaced(source: number, expected: number, target: number): Stop {
    if (expected < 0 || target > expected) {
      // A visible source record in a gap of the index has no place on the target at all.
      const place = expected < 0 ? target : expected
      return { kind: 'finding', finding: { kind: 'missing', source, target: place, count: 1 } }
    }
    return this.#extra(target)
  }

  #extra(target: number): Stop {
    const { batch, at } = this.#target.stream
    const finding: Finding = { kind: 'extra', target, count: 1, writer: producerId(batch, at) }
    return { kind: 'finding', finding }
  }

  /** One side has nothing more, the other may have. */
  #atEnd(source: 'ready' | 'end', target: 'ready' | 'end'): Stop | undefined {
    const stopped = source === 'end' ? stopOf('source', this.#source.stream.stopped!) : undefined
    if (stopped !== undefined) return stopped
    const targetStopped =
      target === 'end' ? stopOf('target', this.#target.stream.stopped!) : undefined
    if (targetStopped !== undefined) return targetStopped
    if (source === 'end' && target === 'end') return { kind: 'done' }
    const isSource = source === 'ready'
    const { records } = isSource ? this.#source : this.#target
    if (isSource ? this.#compacted.target : this.#compacted.source) {
      while (records.place < records.count) {
        const place = records.offsets[records.place]!
        if (!(isSource ? this.#translator.target(place) >= 0 : this.#places.isPlaced(place))) break
        records.place++
        this.#gone++
      }
      if (records.place === records.count) return undefined
    }
    const offset = records.offsets[records.place]!
    if (source === 'end') return this.#extra(offset)
    const place = this.#translator.target(offset)
    const finding: Finding = {
      kind: 'missing',
      source: offset,
      target: place < 0 ? this.#target.stream.range.to : place,
      count: 1,
    }
    return { kind: 'finding', finding }
  }
}

const stopOf = (side: 'source' | 'target', stop: ReadStop): Stop | undefined => {
  switch (stop.kind) {
    case 'end':
      return undefined
    case 'out-of-range':
      return { kind: `${side}-gone`, offset: stop.offset, logStart: stop.logStart }
    case 'failed':
      return unreadable(side, stop)
  }
}

const unreadable = (side: 'source' | 'target', stop: ReadStop | undefined): Stop | undefined =>
  stop?.kind === 'failed'
    ? { kind: 'finding', finding: { kind: 'unreadable', side, detail: stop.detail } }
    : undefined
