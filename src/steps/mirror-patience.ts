import type { Run } from './step-kind.ts'

/** How long a mirror is waited for that has to look, or to let go, first: as long as gates are, and at least two sessions. Milliseconds. */
export const mirrorPatienceMs = ({
  gateTimeoutMs,
  timings: { sessionTimeoutMs, requestTimeoutMs },
}: Pick<Run, 'gateTimeoutMs' | 'timings'>): number =>
  Math.max(gateTimeoutMs, 2 * (sessionTimeoutMs + requestTimeoutMs))
