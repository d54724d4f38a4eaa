import type { PartitionKey } from '../domain/ids.ts'
import type { Holdings } from './holdings.ts'
import type { LogReader } from './log-reader.ts'
import type { Membership } from './membership.ts'
import { untilSettled } from './settled.ts'
import { pause } from './wait.ts'

/** How often it is looked whether the lock is had. */
const LOOK_EVERY_MS = 50
/** Twice as long as a mirror takes to look for new decisions. One that has not let go by then is made to: whoever joins anew reads them. */
const NUDGE_AFTER_MS = 4_000

/**
 * Waits until this process holds all of the partitions and copies none of them, and nothing of an earlier holder can still arrive. What was
 * waited out under another generation of the lock does not count: somebody may have had the partition in between.
 */
export const untilTaken = async (
  keys: readonly PartitionKey[],
  {
    membership,
    holdings,
    targetLog,
    settleMs,
    nudge,
    nudgeAfterMs = NUDGE_AFTER_MS,
  }: {
    readonly membership: Pick<Membership, 'generation' | 'maySend'>
    readonly holdings: Pick<Holdings, 'kept'>
    readonly targetLog: Pick<LogReader, 'logEnd' | 'end'>
    readonly settleMs: number
    /** Has the group share its partitions anew. */
    nudge(): void
    readonly nudgeAfterMs?: number
  },
  signal: AbortSignal,
): Promise<void> => {
  const nudgeAt = performance.now() + nudgeAfterMs
  let isNudged = false
  let settled = new Set<PartitionKey>()
  let under = -1
  for (;;) {
    signal.throwIfAborted()
    const { generation } = membership
    if (generation !== under) settled = new Set()
    under = generation
    const kept = membership.maySend() ? holdings.kept(keys) : undefined
    if (kept === undefined) {
      if (!isNudged && performance.now() > nudgeAt) {
        isNudged = true
        nudge()
      }
      await pause(LOOK_EVERY_MS, signal)
      continue
    }
    const open = keys.filter((key) => kept.get(key) !== true && !settled.has(key))
    if (open.length === 0) return
    await Promise.all(open.map((key) => untilSettled(targetLog, key, settleMs, signal)))
    for (const key of open) settled.add(key)
  }
}
