import type { Segment, SegmentQueue } from './queue.ts'

export interface GapHoldOptions {
  /** Resolves when everything that is known of the partition's gaps at the call is stored. */
  readonly storeGaps: () => Promise<void>
  /** There may be something to send. */
  readonly released: () => void
}

/** The part of a partition that is held back. */
export interface HeldPartition {
  readonly queue: SegmentQueue
  stopIfBlocked(): void
  /** Gaps could not be stored. */
  gapsNotStored(why: string): void
}

/**
 * Holds back what lies behind a gap until the gap is stored: whatever a crash leaves on the target, its source offsets follow from what
 * is stored then. What comes while gaps are written waits for the next write, so that one serves many.
 */
export class GapHold {
  readonly #p: HeldPartition
  readonly #options: GapHoldOptions
  #held: Segment[] = []
  #bytes = 0
  #isStoring = false
  /** Something came since the write that is under way was asked for: a gap alone, too, which holds no records back. */
  #isBehind = false
  #isClosed = false

  constructor(p: HeldPartition, options: GapHoldOptions) {
    this.#p = p
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Something is held: what follows has to be, too. */
  get isBusy(): boolean {
    return this.#isStoring
  }

  add(segments: readonly Segment[]): void {
    this.#held.push(...segments)
    for (const { at, end } of segments) this.#bytes += end - at
    this.store()
  }

  /** Stores what is known by now: at once, or with the next write. */
  store(): void {
    this.#isBehind = true
    if (!this.#isStoring) void this.#run()
  }

  /** The flow has ended. */
  clear(): void {
    this.#isClosed = true
    for (const { memory } of this.#held) memory.release()
    this.#held = []
    this.#bytes = 0
  }

  async #run(): Promise<void> {
    const p = this.#p
    this.#isStoring = true
    try {
      do {
        const count = this.#held.length
        this.#isBehind = false
        await this.#options.storeGaps()
        if (this.#isClosed) return
        for (const segment of this.#held.splice(0, count)) {
          this.#bytes -= segment.end - segment.at
          p.queue.push(segment)
        }
        this.#isStoring = this.#isBehind
        this.#options.released()
      } while (this.#isStoring)
      p.stopIfBlocked()
    } catch (error) {
      if (this.#isClosed) return
      p.gapsNotStored(`gaps of the source could not be stored (${(error as Error).message})`)
    }
  }
}
