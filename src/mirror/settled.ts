import type { PartitionKey } from '../domain/ids.ts'
import type { LogReader } from './log-reader.ts'
import { pause } from './wait.ts'

/** How often a log end is looked at that should stand still. */
const LOOK_EVERY_MS = 250

/**
 * Waits until the leader's own log end stood still for `ms`, and all below it is replicated; answers it. Nothing of it can still appear
 * then, or disappear again but by an unclean election.
 *
 * The high watermark alone does not tell: a batch whose answer was lost may stand above it for as long as a follower that does not fetch
 * counts as in sync (`replica.lag.time.max.ms`). OffsetForLeaderEpoch for the leader's own epoch answers the log end itself, and only as
 * long as the leader has that epoch. The watermark is read after it, so that reaching it means that all was replicated.
 */
export const untilSettled = async (
  log: Pick<LogReader, 'logEnd' | 'end'>,
  key: PartitionKey,
  ms: number,
  signal: AbortSignal,
): Promise<number> => {
  let still = await log.logEnd(key)
  let since = performance.now()
  for (;;) {
    await pause(Math.min(ms, LOOK_EVERY_MS), signal)
    const now = await log.logEnd(key)
    if (now.end !== still.end || now.leaderEpoch !== still.leaderEpoch) {
      still = now
      since = performance.now()
    } else if (performance.now() - since >= ms && (await log.end(key)) >= now.end) return now.end
  }
}
