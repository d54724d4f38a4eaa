import { setTimeout as timer } from 'node:timers/promises'

/** Waits; rejects as soon as the signal is aborted. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await timer(ms, undefined, { signal })
}

/** Exponential, 100 ms to 10 s, with jitter down to a half so that many partitions do not come back at once. */
export const backoffMs = (attempt: number, random: () => number = Math.random): number =>
  Math.min(10_000, 100 * 2 ** Math.min(attempt, 10)) * (0.5 + random() / 2)

/** Something that waiters are woken by. A wake without a waiter is kept for the next one. */
export class Wake {
  #woken = false
  readonly #waiters = new Set<() => void>()

  wake(): void {
    if (this.#waiters.size === 0) this.#woken = true
    // A copy: each takes itself out.
    for (const waiter of [...this.#waiters]) waiter()
  }

  /** Resolves at the next wake, or after `timeoutMs`. */
  wait(timeoutMs?: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(late)
        this.#waiters.delete(done)
        resolve()
      }
      const late = timeoutMs === undefined ? undefined : setTimeout(done, timeoutMs)
      this.#waiters.add(done)
    })
  }
}
