import type { OutgoingBatch } from './outbox.ts'

/** A batch on its way. */
export interface SentBatch extends OutgoingBatch {
  readonly expectedBase: number
  /** So young that the broker is sure to remember its producer and sequence. */
  readonly isFresh: boolean
}

/** The batches of one partition that were sent and not answered. */
export class InFlight {
  readonly #batches = new Set<SentBatch>()
  #stale = 0
  #tailIsFresh = false

  get count(): number {
    return this.#batches.size
  }

  /** A flow begins behind what the target holds. */
  begin(tailIsFresh: boolean): void {
    this.#tailIsFresh = tailIsFresh
  }

  add(batch: SentBatch): void {
    this.#batches.add(batch)
    if (!batch.isFresh) this.#stale++
  }

  /** The oldest one was acknowledged where it was expected. */
  acknowledged({ isFresh }: SentBatch): void {
    this.#tailIsFresh = isFresh
  }

  /** However it ended. */
  remove(batch: SentBatch): void {
    if (this.#batches.delete(batch) && !batch.isFresh) this.#stale--
  }

  /** Whether several may be in flight: only while the broker is sure to refuse one whose predecessor failed. */
  get mayBeSeveral(): boolean {
    return this.#tailIsFresh && this.#stale === 0
  }
}
