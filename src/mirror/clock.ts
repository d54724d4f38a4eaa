/** A moment by two clocks. */
export interface Instant {
  readonly monotonic: number
  readonly wall: number
}

/** Injected, so that fencing can be tested without waiting. */
export interface Clock {
  now(): Instant
}

export const systemClock: Clock = {
  now: () => ({ monotonic: performance.now(), wall: Date.now() }),
}

/**
 * Milliseconds between two moments by whichever clock says more: the monotonic one stands still while a machine is suspended, the
 * wall clock may be set back. Too long only costs a pause; too short would let a member send after its session.
 */
export const elapsed = (since: Instant, now: Instant): number =>
  Math.max(now.monotonic - since.monotonic, now.wall - since.wall)
