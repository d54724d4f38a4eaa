import { setTimeout as sleep } from 'node:timers/promises'
import { type LockRecord, locked } from './lock-record.ts'

/** How often a lease that looks over is looked at. */
const LOOK_MS = 1_000

/** Every renewal changes it. */
export const isSameLease = (one: LockRecord, other: LockRecord | undefined): boolean =>
  one.token === other?.token && one.expires === other.expires

/** By the clocks of two machines, which says nothing for certain: it is only worth watching it. */
export const looksOver = ({ expires }: LockRecord, now: Date): boolean =>
  expires !== undefined && Date.parse(expires) < now.getTime()

/**
 * Waits until a lease has stood as long as leases are, by a clock that nobody sets: whoever lives would have renewed it three times. Throws
 * FERRY1406 once it is renewed. Ends early where it is no longer there. `look` reads the lock.
 */
export const outliveLease = async (
  lock: LockRecord,
  {
    name,
    leaseMs,
    look,
    report,
    signal,
  }: {
    readonly name: string
    readonly leaseMs: number
    readonly look: () => Promise<LockRecord | undefined>
    readonly report?: ((line: string) => void) | undefined
    readonly signal?: AbortSignal | undefined
  },
): Promise<void> => {
  const { user, host, pid, operation } = lock.holder ?? {}
  const began = performance.now()
  for (;;) {
    const left = leaseMs - (performance.now() - began)
    report?.(
      `waits up to ${Math.max(1, Math.ceil(left / 1000))} s to see whether ${user}@${host} (pid ${pid}, ${operation}) still renews the lock of ${name}`,
    )
    await sleep(Math.max(1, Math.min(left, LOOK_MS)), undefined, { signal })
    // Asked before it is read: what is renewed behind the reading comes too late.
    const isOver = performance.now() - began >= leaseMs
    const now = await look()
    if (now?.token !== lock.token) return
    if (!isSameLease(now, lock)) throw locked(name, now.holder, now.expires)
    if (isOver) return
  }
}
