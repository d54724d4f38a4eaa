import type { PartitionKey } from '../domain/ids.ts'
import type { Share } from './assignment.ts'
import type { MembershipEvents } from './membership.ts'
import type { MirroredPartition } from './partition.ts'
import { type TendOptions, tend } from './tend.ts'
import { pause } from './wait.ts'

export interface HoldingsOptions {
  /** What must be there before anything is sent. */
  readonly ready: () => Promise<unknown>
  readonly save: (partitions: readonly MirroredPartition[]) => Promise<void>
  /** What is saved at a drain: so long the other members wait for it. */
  readonly saveWithinMs: number
  readonly tend: TendOptions
}

/**
 * What the group gave to this process, and which partitions of it are being copied: each begins when it is both held and followed, and is
 * let go when it is neither any more.
 */
export class Holdings implements Pick<MembershipEvents, 'drain' | 'lost'> {
  readonly #options: HoldingsOptions
  readonly #tended = new Map<MirroredPartition, AbortController>()
  /** What is held now; undefined while not a member. A partition let go in doubt is no longer clean. */
  #share: Map<PartitionKey, boolean> | undefined
  /** The end of the last life of each partition, under whatever mark: the next one begins after it. */
  readonly #ends = new Map<PartitionKey, Promise<void>>()

  constructor(options: HoldingsOptions) {
    this.#options = options
  }

  get isMember(): boolean {
    return this.#share !== undefined
  }

  holds(key: PartitionKey): boolean {
    return this.#share?.has(key) ?? false
  }

  /** Of each whether it was handed over cleanly, if all are held and none is copied. */
  kept(keys: readonly PartitionKey[]): ReadonlyMap<PartitionKey, boolean> | undefined {
    const share = this.#share
    if (share === undefined || !keys.every((key) => share.has(key))) return undefined
    const copied = new Set(this.tended.map((p) => p.key))
    return keys.some((key) => copied.has(key)) ? undefined : share
  }

  /** Also those that are being let go. */
  get tended(): readonly MirroredPartition[] {
    return [...this.#tended.keys()]
  }

  /** Those that stay. */
  get held(): readonly MirroredPartition[] {
    return [...this.#tended].flatMap(([p, abort]) => (abort.signal.aborted ? [] : [p]))
  }

  /** The lock is on these from now on. */
  shared(share: Share, followed: Iterable<MirroredPartition>): void {
    this.#share = new Map(share)
    for (const [p, abort] of this.#tended) if (!this.#share.has(p.key)) abort.abort()
    for (const p of followed) this.place(p)
  }

  /** A partition that is followed: starts it if it is held. */
  place(p: MirroredPartition): void {
    if (p.state === 'stopped' || this.#share === undefined) return
    const tended = this.#tended.get(p)
    if (tended !== undefined && !tended.signal.aborted) return
    if (!this.#share.has(p.key)) {
      p.state = 'elsewhere'
      return
    }
    const abort = new AbortController()
    this.#tended.set(p, abort)
    this.#ends.set(p.key, this.#tend(p, this.#ends.get(p.key), abort.signal))
  }

  /** A partition that stopped, and may go on. */
  again(p: MirroredPartition): void {
    p.problem = undefined
    p.state = 'waiting'
    this.#tended.get(p)?.abort()
    this.#tended.delete(p)
    this.place(p)
  }

  async #tend(p: MirroredPartition, before: Promise<void> | undefined, signal: AbortSignal) {
    await before
    await this.#options.ready()
    if (signal.aborted) return
    if (this.#share?.get(p.key) !== true) p.inherited = true
    await tend(p, this.#options.tend, signal)
  }

  /** Resolves when nothing of it is in flight; whoever has it next under this share knows whether that is certain. */
  async letGo(p: MirroredPartition, share = this.#share): Promise<void> {
    const abort = this.#tended.get(p)
    if (abort === undefined) return
    abort.abort()
    // Not until its end: a question to a broker that is down may take longer than the others wait, and changes nothing.
    await p.whenQuiet()
    p.mayBeInFlight &&= !p.isCertain
    if (!p.isCertain && share?.has(p.key)) share.set(p.key, false)
    if (this.#tended.get(p) === abort) this.#tended.delete(p)
  }

  async letAllGo(): Promise<void> {
    await Promise.all(this.tended.map((p) => this.letGo(p)))
  }

  /** Everything held is let go; what is certain of it may be handed over. */
  async drain(): Promise<ReadonlySet<PartitionKey>> {
    const share = this.#share ?? new Map<PartitionKey, boolean>()
    const { tended } = this
    // From now on none begins: who is followed anew while another is let go would be copied by two, this process and whoever gets it next.
    this.#share = undefined
    await Promise.all(tended.map((p) => this.letGo(p, share)))
    for (const p of tended) {
      if (p.isCertain && share.has(p.key)) share.set(p.key, true)
    }
    // The next holder has less to check and to wait for then; not worth more of the time that the others wait.
    const late = new AbortController()
    await Promise.race([
      this.#options.save(tended),
      pause(this.#options.saveWithinMs, late.signal).catch(() => {}),
    ])
    late.abort()
    return new Set([...share].flatMap(([key, isClean]) => (isClean ? [key] : [])))
  }

  lost(): void {
    this.#share = undefined
    for (const [p, abort] of this.#tended) {
      p.uncertain = true
      abort.abort()
    }
  }
}
