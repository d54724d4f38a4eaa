import type { Diagnostic } from '../domain/diagnostic.ts'
import { CODES } from '../domain/diagnostic-codes.ts'

/** What the process ends with (design section 8). Scripts rely on these numbers: none ever changes its meaning. */
export const EXIT = {
  /** Done, or there was nothing to do. */
  done: 0,
  error: 1,
  /** Only with `plan --detailed-exitcode`. */
  changesPending: 2,
  drift: 3,
  /** A guard or a policy says no. */
  blocked: 4,
  /** The plan is stale, or another cluster answered. */
  stale: 5,
  locked: 6,
  /** Stopped at a gate: run the same again later. */
  waiting: 7,
  /** A step failed or a partition stopped; the journal is intact. */
  partlyApplied: 8,
  /** Verification failed, or a partition stopped or is stranded. */
  notVerified: 9,
  usage: 64,
  /** Interrupted after the current step. */
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/**
 * The exit code that a list of diagnostics stands for: that of its first error. Warnings never fail a run.
 * The order is the producer's, not the order of display: what was found first is what stopped Ferry.
 */
export const exitCodeFor = (diagnostics: readonly Diagnostic[]): ExitCode => {
  const first = diagnostics.find((each) => each.severity === 'error')
  return first === undefined ? EXIT.done : CODES[first.code].exitCode
}
