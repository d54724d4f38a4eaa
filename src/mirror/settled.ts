import type { PartitionKey } from '../domain/ids.ts'
import type { LeaderLogEnd, LogReader } from './log-reader.ts'
import type { MirrorTimings } from './mirror.ts'
import { pause } from './wait.ts'
import type { PartitionLock } from './with-partitions.ts'

/** How often a log end is looked at that should stand still. */
const LOOK_EVERY_MS = 250

/**
 * Waits until the leader's own log end stood still for `ms`, and all below it is replicated; answers it. Nothing of it can still appear
 * then, or disappear again but by an unclean election.
 *
 * The high watermark alone does not tell: a batch whose answer was lost may stand above it for as long as a follower that does not fetch
 * counts as in sync (`replica.lag.time.max.ms`). ListOffsets as a follower asks answers the log end itself, since 2.1 only as long as the
 * leader has its epoch; before, which broker leads tells. The watermark is read after it, so that reaching it means that all was replicated.
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
    if (!isSame(now, still)) {
      still = now
      since = performance.now()
    } else if (performance.now() - since >= ms && (await log.end(key)) >= now.end) return now.end
  }
}

const isSame = (one: LeaderLogEnd, other: LeaderLogEnd): boolean =>
  one.end === other.end && one.leaderEpoch === other.leaderEpoch && one.leader === other.leader

/**
 * Under the lock: nothing of an earlier holder, nor of a request of ours whose answer was lost, may still arrive after this. `isFirst`: the
 * producer that will write is so new that nothing of it can be on its way.
 */
export const settleUnderLock = async (
  key: PartitionKey,
  log: Pick<LogReader, 'logEnd' | 'end'>,
  options: {
    readonly lock: PartitionLock
    readonly timings: MirrorTimings
    readonly signal: AbortSignal
    readonly isFirst?: boolean
    readonly report?: (line: string) => void
  },
): Promise<void> => {
  const { lock, timings, signal, isFirst = false, report } = options
  // Waits for the lock: what it allows is a write that writes nothing.
  await lock.write([key], async () => {})
  if (lock.isUncertain(key) && !isFirst) {
    report?.(`waiting for requests that may still be on their way to ${key}`)
    await untilSettled(log, key, timings.requestTimeoutMs, signal)
  }
  lock.settled(key)
}
