import type { BrokerLink, Cluster } from '../kafka/cluster.ts'
import { Fetcher, type FetcherOptions } from './fetcher.ts'
import type { LogReader } from './log-reader.ts'
import type { MirroredPartition } from './partition.ts'
import { Sender, type SenderOptions } from './sender.ts'

/** A broker works on one request per connection at a time; a second one keeps it busy, more were slower (kafka-facts.md). */
const LINKS_PER_TARGET_LEADER = 2

export interface RoutesOptions {
  readonly source: Pick<Cluster, 'connectBroker'>
  readonly target: Pick<Cluster, 'connectBroker'>
  readonly sourceLog: LogReader
  readonly targetLog: LogReader
  readonly fetcher: Omit<FetcherOptions, 'received'>
  readonly sender: Omit<SenderOptions, 'drained'>
}

/** The connections of the hot path, and which partition uses which: one to each source leader, two to each target leader. */
export class Routes {
  readonly #options: RoutesOptions
  readonly #fetchers = new Map<number, Promise<Fetcher>>()
  readonly #senders = new Map<string, Promise<Sender>>()
  /** How many partitions are connected, by the names of senders. */
  readonly #users = new Map<string, number>()
  readonly #of = new Map<
    MirroredPartition,
    { readonly fetcher: Fetcher; readonly sender: Sender }
  >()
  #closed = false

  constructor(options: RoutesOptions) {
    this.#options = options
  }

  /**
   * Connects the partition to its two leaders, as they are now, until `release`, which must be called: to that connection which fewer use.
   * Nothing of a flow is on its way once it has ended, so the next one may take the other.
   */
  async connect(p: MirroredPartition): Promise<{ start(): void; offer(): void; release(): void }> {
    const [source, target] = await Promise.all([
      this.#options.sourceLog.leader(p.key),
      this.#options.targetLog.leader(p.key),
    ])
    const name = this.#leastUsed(target.leader)
    this.#count(name, 1)
    const [fetcher, sender] = await Promise.all([
      this.#fetcher(source.leader),
      this.#sender(name, target.leader),
    ]).catch((error: unknown) => {
      this.#count(name, -1)
      throw error
    })
    return {
      start: () => {
        this.#of.set(p, { fetcher, sender })
        sender.add(p)
        fetcher.add(p)
      },
      offer: () => {
        sender.offer(p)
        fetcher.wake()
      },
      release: () => {
        this.#count(name, -1)
        this.#of.delete(p)
        fetcher.remove(p)
        sender.remove(p)
      },
    }
  }

  /** Sending is allowed again. */
  async resume(): Promise<void> {
    for (const sender of this.#senders.values()) void sender.then((s) => s.resume()).catch(() => {})
  }

  /** Those whose connection to the target is gone: who has nothing to send does not hear of it. */
  get unlinked(): readonly MirroredPartition[] {
    return [...this.#of].flatMap(([p, { sender }]) => (sender.link.connected ? [] : [p]))
  }

  /** A partition that was let go while it was being checked may still come to {@link connect}: what it opened nobody would close. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([
      ...[...this.#fetchers.values()].map((f) => f.then((it) => it.close()).catch(() => {})),
      ...[...this.#senders.values()].map((s) => s.then((it) => it.link.close()).catch(() => {})),
    ])
  }

  #open(cluster: Pick<Cluster, 'connectBroker'>, nodeId: number): Promise<BrokerLink> {
    if (this.#closed) throw new Error('the mirror is stopping')
    return cluster.connectBroker(nodeId)
  }

  #fetcher(nodeId: number): Promise<Fetcher> {
    return openOnce(
      this.#fetchers,
      nodeId,
      (f) => f.isOpen,
      async () => {
        const link = await this.#open(this.#options.source, nodeId)
        return new Fetcher(link, {
          ...this.#options.fetcher,
          received: (p) => this.#of.get(p)?.sender.offer(p),
        })
      },
    )
  }

  #leastUsed(nodeId: number): string {
    const names = Array.from({ length: LINKS_PER_TARGET_LEADER }, (_, link) => `${nodeId}/${link}`)
    const users = (name: string) => this.#users.get(name) ?? 0
    return names.reduce((least, name) => (users(name) < users(least) ? name : least))
  }

  #count(name: string, more: 1 | -1): void {
    this.#users.set(name, (this.#users.get(name) ?? 0) + more)
  }

  #sender(name: string, nodeId: number): Promise<Sender> {
    return openOnce(
      this.#senders,
      name,
      (s) => s.link.connected,
      async () => {
        const link = await this.#open(this.#options.target, nodeId)
        return new Sender(link, {
          ...this.#options.sender,
          drained: (p) => this.#of.get(p)?.fetcher.wake(),
        })
      },
    )
  }
}

/** What is open or opening under this name; a new one if it is gone. */
const openOnce = async <K, T>(
  all: Map<K, Promise<T>>,
  name: K,
  isOpen: (one: T) => boolean,
  open: () => Promise<T>,
): Promise<T> => {
  for (;;) {
    const known = all.get(name)
    if (known === undefined) break
    const one = await known.catch(() => undefined)
    if (one !== undefined && isOpen(one)) return one
    if (all.get(name) === known) all.delete(name)
  }
  const opening = open()
  all.set(name, opening)
  return opening
}
