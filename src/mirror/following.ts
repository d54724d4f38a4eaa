import { acceptedOf } from '../domain/accepted-gap.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { Marked } from './below-mark.ts'
import { markedOf } from './how-far.ts'
import type { IntakeCounters } from './intake.ts'
import type { MirroredMigration } from './mirror.ts'
import { MirroredPartition } from './partition.ts'

/** What is new with what is followed. */
interface Followed {
  /** No longer to be copied, or under another mark. */
  readonly gone: readonly MirroredPartition[]
  /** Stopped at a gap that was accepted since. */
  readonly again: readonly MirroredPartition[]
}

/** What a mirror was told to copy, by partition; and of which topics it wants the lock. Nothing here copies. */
export class Following {
  readonly #counters: IntakeCounters
  #partitions: ReadonlyMap<PartitionKey, MirroredPartition> = new Map()
  #sealed: readonly Marked[] = []
  #marked: ReadonlyMap<TopicName, number> = new Map()
  #open: ReadonlyMap<TopicName, number> = new Map()
  readonly #kept = new Map<TopicName, number>()

  constructor(counters: IntakeCounters) {
    this.#counters = counters
  }

  /** To be copied, in the order in which they were told. */
  get partitions(): readonly MirroredPartition[] {
    return [...this.#partitions.values()]
  }

  /** How many partitions of each topic are marked, sealed ones too. */
  get marked(): ReadonlyMap<TopicName, number> {
    return this.#marked
  }

  /** What nobody copies any more. */
  get resting(): readonly Marked[] {
    const stopped = this.partitions.filter((p) => p.state === 'stopped')
    return [...this.#sealed, ...stopped.map(markedOf)]
  }

  /** Partitions by topic of which this process wants the lock: those to be copied, and those that are kept. */
  get wanted(): ReadonlyMap<TopicName, number> {
    const wanted = new Map(this.#open)
    for (const [topic, count] of this.#kept) raise(wanted, topic, count)
    return wanted
  }

  follow(migrations: readonly MirroredMigration[]): Followed {
    const before = this.#partitions
    const partitions = new Map<PartitionKey, MirroredPartition>()
    const marked = new Map<TopicName, number>()
    const open = new Map<TopicName, number>()
    const sealed: Marked[] = []
    const again: MirroredPartition[] = []
    for (const { migration, marks, seals, acceptedGaps = [], cleaned = [] } of migrations) {
      const sealOf = new Map(seals.map((seal) => [partitionKey(seal.topic, seal.partition), seal]))
      for (const mark of marks) {
        const p = this.#partitionOf(migration, mark)
        const known = cleaned.find(({ topic }) => topic === p.topic)
        if (known !== undefined) p.hearing?.knowCleaned(known)
        if (p.accept(acceptedOf(mark, acceptedGaps)) && p.state === 'stopped') again.push(p)
        raise(marked, p.topic, p.partition + 1)
        const seal = sealOf.get(p.key)
        if (seal !== undefined) {
          sealed.push({ key: p.key, mark, copiedTo: Number(seal.targetEnd) })
          continue
        }
        partitions.set(p.key, p)
        raise(open, p.topic, p.partition + 1)
      }
    }
    this.#partitions = partitions
    this.#sealed = sealed
    this.#marked = marked
    this.#open = open
    return { gone: [...before.values()].filter((p) => partitions.get(p.key) !== p), again }
  }

  /** The lock on these is wanted whether they are to be copied or not. */
  keep(topic: TopicName, partitions: number): void {
    this.#kept.set(topic, partitions)
  }

  /** Answers whether it was kept. */
  release(topic: TopicName): boolean {
    return this.#kept.delete(topic)
  }

  #partitionOf(migration: string, mark: Mark): MirroredPartition {
    const p = new MirroredPartition(migration, mark, this.#counters)
    const known = this.#partitions.get(p.key)
    const isSame = known?.migration === migration && known.mark.producerId === mark.producerId
    return isSame ? known : p
  }
}

const raise = (counts: Map<TopicName, number>, topic: TopicName, count: number): void => {
  counts.set(topic, Math.max(count, counts.get(topic) ?? 0))
}
