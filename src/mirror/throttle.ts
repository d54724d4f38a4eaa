/** A token bucket that may run into debt by one request, so that a batch larger than a second's share can pass at all. */
export class Throttle {
  #perMs = Number.POSITIVE_INFINITY
  #tokens = 0
  #at: number

  /** `bytesPerSecond` undefined: unlimited. */
  constructor(bytesPerSecond: number | undefined, now: number) {
    this.#at = now
    this.limit(bytesPerSecond)
    if (this.#perMs < Number.POSITIVE_INFINITY) this.#tokens = this.#most
  }

  /** A quarter of a second may be saved up. */
  get #most(): number {
    return this.#perMs * 250
  }

  /** Another rate from now on. What was sent beyond the former one is still owed. */
  limit(bytesPerSecond: number | undefined): void {
    this.#perMs = bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : bytesPerSecond / 1000
  }

  /** Milliseconds until something may be sent; 0: now. */
  waitMs(now: number): number {
    if (this.#perMs === Number.POSITIVE_INFINITY) return 0
    this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    if (this.#perMs === 0) return Number.POSITIVE_INFINITY
    return this.#tokens > 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs) + 1
  }

  spend(bytes: number): void {
    if (this.#perMs !== Number.POSITIVE_INFINITY) this.#tokens -= bytes
  }
}

/** A partition that is to be copied by somebody, and whether that is this process. */
export interface Shared {
  readonly migration: string
  readonly isHeld: boolean
}

/**
 * What this process may send, so that all processes together send no more than each migration allows: of its limit the part that the
 * partitions held here are of all. Undefined: no limit. `limitOf` answers undefined for a migration without one, which lifts the others.
 */
export const shareOfLimits = (
  partitions: Iterable<Shared>,
  limitOf: (migration: string) => number | undefined,
): number | undefined => {
  const counts = new Map<string, { held: number; all: number }>()
  for (const { migration, isHeld } of partitions) {
    const count = counts.get(migration) ?? { held: 0, all: 0 }
    counts.set(migration, count)
    count.all++
    if (isHeld) count.held++
  }
  let sum = 0
  for (const [migration, { held, all }] of counts) {
    if (held === 0) continue
    const limit = limitOf(migration)
    if (limit === undefined) return undefined
    sum += (limit * held) / all
  }
  return sum
}
