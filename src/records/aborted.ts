import { ATTRIBUTES, attributes, producerId, recordCount } from './batch.ts'
import { readControlMarker } from './control.ts'

/** A transaction that was aborted, as a Fetch answer names it. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

const NONE: readonly AbortedTransaction[] = []

/**
 * The consumers' rule for read_committed (`CompletedFetch.nextFetchedRecord`): which batches of a Fetch answer hold records that may be
 * seen. An answer lists every aborted transaction that matters to it, also those that began before it, so nothing is kept between answers.
 */
export class AbortedFilter {
  #aborted = NONE
  #next = 0
  readonly #producers = new Set<bigint>()

  /** Begins with a new answer. */
  start(aborted: readonly AbortedTransaction[] | null): void {
    // Brokers list them by segment; the rule needs them by first offset.
    this.#aborted =
      aborted === null || aborted.length === 0
        ? NONE
        : [...aborted].sort((left, right) => left.firstOffset - right.firstOffset)
    this.#next = 0
    this.#producers.clear()
  }

  /** Whether the v2 batch at `at`, the next of the answer, holds records for consumers. Throws MalformedBatch. */
  isVisible(buf: Buffer, at: number, last: number): boolean {
    const bits = attributes(buf, at)
    while (this.#next < this.#aborted.length && this.#aborted[this.#next]!.firstOffset <= last) {
      this.#producers.add(this.#aborted[this.#next++]!.producerId)
    }
    // The cleaner may leave a marker's batch without its record: to consumers it is no marker then.
    if (recordCount(buf, at) === 0) return false
    if (bits & ATTRIBUTES.control) {
      if (this.#producers.size > 0 && readControlMarker(buf, at).kind === 'abort') {
        this.#producers.delete(producerId(buf, at))
      }
      return false
    }
    return !(
      bits & ATTRIBUTES.transactional &&
      this.#producers.size > 0 &&
      this.#producers.has(producerId(buf, at))
    )
  }
}
