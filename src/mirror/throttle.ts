/** A token bucket that may run into debt by one request, so that a batch larger than a second's share can pass at all. */
export class Throttle {
  readonly #perMs: number
  readonly #most: number
  #tokens: number
  #at: number

  /** `bytesPerSecond` undefined: unlimited. */
  constructor(bytesPerSecond: number | undefined, now: number) {
    this.#perMs = bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : bytesPerSecond / 1000
    // A quarter of a second may be saved up.
    this.#most = this.#perMs * 250
    this.#tokens = this.#most
    this.#at = now
  }

  /** Milliseconds until something may be sent; 0: now. */
  waitMs(now: number): number {
    if (this.#perMs === Number.POSITIVE_INFINITY) return 0
    this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    return this.#tokens > 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs) + 1
  }

  spend(bytes: number): void {
    if (this.#perMs !== Number.POSITIVE_INFINITY) this.#tokens -= bytes
  }
}
