import type { PartitionKey, TopicName, TopicPartition } from '../../domain/ids.ts'
import { expectedTargetEnd } from '../../domain/offset-index.ts'
import { coveredTo, producersMayWrite, watchedEnd } from '../../domain/stranded.ts'
import { counted, humanDuration } from '../_words.ts'
import { lagOf, offsetsOf, type PartitionNow, partitionsNow } from '../partitions-now.ts'
import { reversed } from '../reversed.ts'
import type { Clusters, Gate, GateReading, Run } from '../step-kind.ts'
import { mirrorObjects, stoppedAmong } from './mirror.ts'
import { openTransactions } from './open-transactions.ts'
import { HOLDS, never, only, waits } from './reading.ts'

/** Facts about the producers of a migration, as far as the logs of the source tell. */

/** Since when the source log ends of a topic are what they are. */
interface Stillness {
  readonly ends: string
  readonly since: number
  readonly moved: boolean
}

/**
 * Of each run, the stillness of all its topics: they are watched together from the first time that one is asked about, so that ten topics
 * take as long as one.
 */
const WATCHES = new WeakMap<Clusters, Map<TopicName, Stillness>>()

const watchAll = async (
  run: Run,
): Promise<{
  now: ReadonlyMap<PartitionKey, PartitionNow>
  stillness(topic: TopicName): Stillness
}> => {
  const topics = run.migration.topics.map((t) => t.name)
  const now = await partitionsNow(run, topics)
  const time = run.now().getTime()
  const watch = WATCHES.get(run.clusters) ?? new Map<TopicName, Stillness>()
  WATCHES.set(run.clusters, watch)
  for (const topic of topics) {
    const ends = [...now.values()]
      .filter((p) => p.mark.topic === topic)
      .map((p) => `${p.key}=${p.sourceEnd}`)
      .join(' ')
    const before = watch.get(topic)
    if (before?.ends !== ends) watch.set(topic, { ends, since: time, moved: before !== undefined })
  }
  return { now, stillness: (topic) => watch.get(topic)! }
}

/** Partitions that came on the source since the mark: nothing copies them. Undefined: there are none. */
const unmarked = async (
  { clusters }: Run,
  partitions: readonly PartitionNow[],
): Promise<
  { readonly topic: TopicName; readonly added: readonly TopicPartition[] } | undefined
> => {
  const marks = new Map<TopicName, number>()
  for (const { mark } of partitions) marks.set(mark.topic, (marks.get(mark.topic) ?? 0) + 1)
  const described = await clusters.source.describeTopics([...marks.keys()])
  for (const [topic, marked] of marks) {
    const found = only(described, topic)
    if (found === 'absent' || found.partitions.length <= marked) continue
    const added = found.partitions.slice(marked)
    return { topic, added: added.map(({ partition }) => ({ topic, partition })) }
  }
  return undefined
}

/**
 * Source log ends stand still for `quietMs`, no transaction is open, the mirror is at the end, and both sides hold the same count. One
 * gate, because only all of it over the same stretch of time says that the producers are gone and nothing is left to copy.
 */
export const sourceIsDrained = (topic: TopicName, quietMs: number): Gate => ({
  title: `${topic} stands still on the source for ${humanDuration(quietMs)}, and all of it is mirrored`,
  check: async (run) => {
    const objection = await mirrorObjects(run, [topic])
    const { now, stillness } = await watchAll(run)
    const { since, moved } = stillness(topic)
    const partitions = [...now.values()].filter((p) => p.mark.topic === topic)
    const stopped = stoppedAmong(new Map(partitions.map((p) => [p.key, p])))
    if (stopped) return stopped
    if (objection) return objection
    const grown = await unmarked(run, partitions)
    if (grown) {
      return never(
        `${topic} has got ${counted(grown.added.length, 'partition')} on the source since its mark, which nothing copies: a new plan adds and marks them`,
      )
    }
    const quiet = run.now().getTime() - since
    if (quiet === 0 && quietMs > 0) {
      return waits(
        moved
          ? `producers still write to ${run.clusters.source.name}: stop them`
          : `watching the log ends of ${run.clusters.source.name}`,
      )
    }
    const open = partitions.filter((p) => p.sourceStable < p.sourceEnd)
    if (open.length > 0) return openTransactions(run.clusters.source, open)
    const lag = partitions.reduce((sum, p) => (lagOf(p) > 0n ? sum + lagOf(p) : sum), 0n)
    if (lag > 0n) return waits(`${counted(lag, 'record')} still to mirror`)
    const unequal = countsDiffer(partitions)
    if (unequal) return unequal
    return quiet < quietMs
      ? waits(`quiet so far, ${Math.ceil((quietMs - quiet) / 1000)} s to go`)
      : HOLDS
  },
})

/** The same for the way back: the target stands still, and all that producers wrote to it is on the source. */
export const targetIsDrained = (topic: TopicName, quietMs: number): Gate => ({
  title: `${topic} stands still on the target for ${humanDuration(quietMs)}, and all of it is mirrored back`,
  check: (run) => sourceIsDrained(topic, quietMs).check(reversed(run)),
})

/**
 * Every record of the source since the mark is on the target, and nothing else: the target's log ends where what the mirror has written
 * and checked ends. Undefined: it is so.
 */
export const countsDiffer = (partitions: readonly PartitionNow[]): GateReading | undefined => {
  for (const { key, proven, sourceEnd, targetEnd } of partitions) {
    if (proven.mirroredTo !== sourceEnd) {
      return waits(`the mirror has checked ${key} up to ${proven.mirroredTo} of ${sourceEnd}`)
    }
    const expected = expectedTargetEnd(proven)
    if (targetEnd > expected) {
      return never(
        `${key} ends at ${targetEnd} where it is copied to, ${counted(targetEnd - expected, 'offset')} past the end of the copy: somebody else writes there`,
      )
    }
    if (targetEnd < expected) {
      return never(
        `${key} ends at ${targetEnd} where it is copied to, below the end of the copy ${expected}`,
      )
    }
  }
  return undefined
}

/** These topics, or all of the migration, were sealed, and nothing came after: the copy is complete. */
export const topicsAreSealed = (some?: readonly TopicName[]): Gate => ({
  title: `nothing came after the seal of ${some ? some.join(', ') : 'any topic'}`,
  check: async (run) => {
    const topics = some ?? run.migration.topics.map((t) => t.name)
    const now = await partitionsNow(run, topics)
    for (const topic of topics) {
      const partitions = [...now.values()].filter((p) => p.mark.topic === topic)
      if (partitions.length === 0 || partitions.some((p) => !p.seal))
        return never(`${topic} is not sealed`)
    }
    const late = await writtenToUnsealed(run, [...now.values()])
    if (late) return late
    const state = run.state()
    for (const { key, seal, sourceEnd } of now.values()) {
      const covered = seal && coveredTo(seal, state)
      if (covered === undefined || seal === undefined) continue
      if (watchedEnd(seal, state, sourceEnd) === covered) continue
      const what = `${key} has grown on the source from ${covered} to ${sourceEnd} since the seal: stop its producers`
      return never(
        producersMayWrite(seal!.topic, state, run.migration.order)
          ? `${what}; then ferry salvage ${run.migration.name} appends what came late`
          : `${what}; the next plan opens the seal again and copies the rest`,
      )
    }
    return HOLDS
  },
})

/** A partition that came after the seal matters once there is something in it. */
const writtenToUnsealed = async (
  run: Run,
  partitions: readonly PartitionNow[],
): Promise<GateReading | undefined> => {
  const grown = await unmarked(run, partitions)
  if (grown === undefined) return undefined
  const { source } = run.clusters
  const [starts, ends] = await Promise.all([
    offsetsOf(source, grown.added, 'earliest'),
    offsetsOf(source, grown.added, 'latest'),
  ])
  for (const [key, end] of ends) {
    if (end === starts.get(key)) continue
    return never(
      `${key} came on the source after the seal, and holds records that nothing copies: move them by hand and delete them there`,
    )
  }
  return undefined
}
