import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Share } from './assignment.ts'
import { systemClock } from './clock.ts'
import { Membership } from './membership.ts'
import type { MirrorLog, MirrorTimings } from './mirror.ts'
import { Wake } from './wait.ts'

/** The lock on partitions, for a task that writes to them outside of the flow (prime, resync). */
export interface PartitionLock {
  /**
   * Runs one request that writes, once the lock on all of `keys` allows it. `isUncertain`: an earlier holder's request may still arrive; the
   * task waits and looks at the log first, then calls {@link PartitionLock.settled}. Rejects when the signal is aborted, and with what is missing
   * where the group may not be joined.
   */
  write<T>(keys: readonly PartitionKey[], request: () => Promise<T>): Promise<T>
  isUncertain(key: PartitionKey): boolean
  settled(key: PartitionKey): void
}

export interface WithPartitionsOptions {
  readonly project: string
  readonly target: Pick<Cluster, 'openGroupMember'>
  readonly timings: MirrorTimings
  readonly log: MirrorLog
  readonly signal: AbortSignal
  /** The live line: what is waited for. */
  readonly report?: (line: string) => void
}

/** Runs `task` as a member of the mirror's group that takes these topics. Nobody else writes to a partition while the task does. */
export const withPartitions = async <T>(
  options: WithPartitionsOptions,
  topics: ReadonlyMap<TopicName, number>,
  task: (lock: PartitionLock) => Promise<T>,
): Promise<T> => {
  const lock = new MemberLock(options)
  try {
    lock.membership.subscribe(topics)
    return await task(lock)
  } finally {
    await lock.membership.stop()
  }
}

class MemberLock implements PartitionLock {
  readonly membership: Membership
  readonly #signal: AbortSignal
  readonly #report: ((line: string) => void) | undefined
  readonly #changed = new Wake()
  readonly #uncertain = new Set<PartitionKey>()
  readonly #writing = new Map<Promise<unknown>, readonly PartitionKey[]>()
  #share: Share = new Map()
  #denied: Diagnostic | undefined

  constructor(options: WithPartitionsOptions) {
    this.#signal = options.signal
    this.#report = options.report
    this.membership = new Membership({
      ...options,
      clock: systemClock,
      events: {
        shared: (share) => {
          this.#share = share
          for (const [key, isClean] of share) if (!isClean) this.#uncertain.add(key)
          this.#changed.wake()
        },
        drain: () => this.#drain(),
        lost: () => {
          for (const key of this.#share.keys()) this.#uncertain.add(key)
          this.#share = new Map()
        },
        beat: () => this.#changed.wake(),
        waiting: (why) => this.#report?.(why),
        denied: (problem) => {
          this.#denied = problem
          this.#changed.wake()
        },
      },
    })
  }

  async write<T>(keys: readonly PartitionKey[], request: () => Promise<T>): Promise<T> {
    while (!this.membership.maySend() || keys.some((key) => !this.#share.has(key))) {
      this.#signal.throwIfAborted()
      if (this.#denied !== undefined) throw new FerryError(this.#denied)
      await this.#changed.wait(1_000)
    }
    this.#signal.throwIfAborted()
    const writing = request()
    this.#writing.set(writing, keys)
    try {
      return await writing
    } catch (error) {
      for (const key of keys) this.#uncertain.add(key)
      throw error
    } finally {
      this.#writing.delete(writing)
    }
  }

  isUncertain(key: PartitionKey): boolean {
    return this.#uncertain.has(key)
  }

  settled(key: PartitionKey): void {
    this.#uncertain.delete(key)
  }

  async #drain(): Promise<ReadonlySet<PartitionKey>> {
    const held = this.#share
    this.#share = new Map()
    await Promise.allSettled(this.#writing.keys())
    return new Set([...held.keys()].filter((key) => !this.#uncertain.has(key)))
  }
}
