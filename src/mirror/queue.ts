import type { AnswerMemory } from './budget.ts'

/** Whole batches of one partition, next to each other in a Fetch answer, each checked to pass through. */
export interface Segment {
  readonly buf: Buffer
  /** The next batch that was not taken. */
  at: number
  readonly end: number
  readonly memory: AnswerMemory
  /** Written here: no batches of the source. */
  readonly isOwn: boolean
}

/** What was fetched of one partition and is not sent yet. Objects grow with Fetch answers, not with batches: a batch may hold one record. */
export class SegmentQueue {
  #segments: Segment[] = []
  #head = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  push(segment: Segment): void {
    this.#segments.push(segment)
    this.#bytes += segment.end - segment.at
  }

  /** The segment with the next batch, or one that comes `later`. */
  peek(later = 0): Segment | undefined {
    return this.#segments[this.#head + later]
  }

  /** The first `length` bytes of the next segment were copied, or whoever sends them uses the memory by itself. */
  advance(length: number): void {
    const segment = this.#segments[this.#head]!
    segment.at += length
    this.#bytes -= length
    if (segment.at < segment.end) return
    segment.memory.release()
    this.#head++
    if (this.#head === this.#segments.length) {
      this.#segments = []
      this.#head = 0
    }
  }

  /** Drops everything. */
  clear(): void {
    for (let i = this.#head; i < this.#segments.length; i++) this.#segments[i]!.memory.release()
    this.#segments = []
    this.#head = 0
    this.#bytes = 0
  }
}
