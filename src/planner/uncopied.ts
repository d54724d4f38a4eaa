import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { Deadline } from '../domain/plan.ts'
import { placesOf } from '../domain/state-places.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { type ObservedPartition, partitionAt } from './observed.ts'

/** What the copy is judged by. */
export type CopyContext = Pick<PlanContext, 'desired' | 'observed' | 'state' | 'progress' | 'now'>

/** A partition of the source with records that are still to be copied. */
export interface Uncopied {
  readonly topic: TopicName
  readonly seen: ObservedPartition
  /** The next offset to copy, at the lowest: gaps that came since progress was stored are not counted. */
  readonly next: bigint
}

/** A plan asks for them several times, for what may be a hundred thousand partitions. */
const KNOWN = new WeakMap<CopyContext, readonly Uncopied[]>()

export const uncopied = (context: CopyContext): readonly Uncopied[] => {
  const known = KNOWN.get(context) ?? [...stillToCopy(context)]
  KNOWN.set(context, known)
  return known
}

function* stillToCopy({ desired, observed, state, progress }: CopyContext): Generator<Uncopied> {
  const { marks, sealedTopics } = placesOf(state)
  for (const { name } of desired.topics) {
    if (sealedTopics.has(name)) continue
    const source = observed.source.topics.get(name)
    const target = observed.target.topics.get(name)
    for (const seen of source?.partitions ?? []) {
      const key = partitionKey(name, seen.partition)
      const mark = marks.get(key)
      const there = partitionAt(target, seen.partition)
      const copied =
        mark && there && there.highWatermark > mark.targetStart
          ? mark.sourceStart + (there.highWatermark - mark.targetStart)
          : (mark?.sourceStart ?? seen.logStart)
      const stored = mark && there && progress.get(key)
      // It counts the gaps below it. That of an older mark says nothing.
      const passed = stored?.producerId === mark?.producerId ? stored?.mirroredTo : undefined
      const known = passed !== undefined && passed > copied ? passed : copied
      const next = known > seen.logStart ? known : seen.logStart
      if (next < seen.highWatermark) yield { topic: name, seen, next }
    }
  }
}

/** Of what may be a hundred thousand partitions one deadline is told: the first at the earliest moment. */
export class Earliest<T> {
  #first: { readonly of: T; readonly ms: number } | undefined

  offer(of: T, ms: number): void {
    if (this.#first === undefined || ms < this.#first.ms) this.#first = { of, ms }
  }

  get of(): T | undefined {
    return this.#first?.of
  }

  as(says: (of: T, at: string) => Deadline): readonly Deadline[] {
    return this.#first === undefined ? [] : [says(this.#first.of, instant(this.#first.ms))]
  }
}

export const earlierFirst = (one: Deadline, other: Deadline): number =>
  one.at < other.at ? -1 : one.at > other.at ? 1 : 0

export const instant = (ms: number): string => new Date(ms).toISOString()

/** What apply looks at of a deadline of the source's retention: whether the mirror has passed this offset. */
export const sourceHolds = (topic: TopicName, { partition }: ObservedPartition, next: bigint) => ({
  kind: 'source-retention' as const,
  partition: partitionKey(topic, partition),
  offset: String(next),
})
