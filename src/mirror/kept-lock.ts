import type { PartitionKey } from '../domain/ids.ts'
import type { Holdings } from './holdings.ts'
import type { LogReader } from './log-reader.ts'
import type { Membership } from './membership.ts'
import { untilSettled } from './settled.ts'
import { pause } from './wait.ts'

/** How often it is looked whether the lock is had. */
const LOOK_EVERY_MS = 50

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
  }: {
    readonly membership: Pick<Membership, 'generation' | 'maySend'>
    readonly holdings: Pick<Holdings, 'kept'>
    readonly targetLog: Pick<LogReader, 'logEnd' | 'end'>
    readonly settleMs: number
  },
  signal: AbortSignal,
): Promise<void> => {
  let settled = new Set<PartitionKey>()
  let under = -1
  for (;;) {
    signal.throwIfAborted()
    const { generation } = membership
    if (generation !== under) settled = new Set()
    under = generation
    const kept = membership.maySend() ? holdings.kept(keys) : undefined
    if (kept === undefined) {
      await pause(LOOK_EVERY_MS, signal)
      continue
    }
    const open = keys.filter((key) => kept.get(key) !== true && !settled.has(key))
    if (open.length === 0) return
    await Promise.all(open.map((key) => untilSettled(targetLog, key, settleMs, signal)))
    for (const key of open) settled.add(key)
  }
}
