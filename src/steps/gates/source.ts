import type { PartitionKey, TopicName } from '../../domain/ids.ts'
import { expectedTargetEnd } from '../../domain/offset-index.ts'
import type { PartitionReport } from '../../mirror/mirror.ts'
import { counted, humanDuration } from '../_words.ts'
import { type PartitionNow, partitionsNow } from '../partitions-now.ts'
import { reversed } from '../reversed.ts'
import type { Clusters, Gate, GateReading, Run } from '../step-kind.ts'
import { allOf, type Fact, told } from './fact.ts'
import { MIRROR_LAG, MIRROR_SOUND, reportsOf } from './mirror.ts'
import {
  NOTHING_OPEN,
  type OpenSeen,
  openTransactions,
  TRANSACTIONS_ENDED,
} from './open-transactions.ts'
import { HOLDS, never, waits } from './reading.ts'
import { filledUnmarked, unmarked } from './unmarked.ts'

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
  stillness(topic: TopicName): Omit<QuietSeen, 'cluster'>
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
  // By the moment of the look: what moved since the one before has been quiet for no time at all.
  const quiet = ({ since, moved }: Stillness) => ({ forMs: time - since, moved })
  return { now, stillness: (topic) => quiet(watch.get(topic)!) }
}

interface QuietOf {
  readonly topic: TopicName
  readonly quietMs: number
}
interface QuietSeen {
  readonly cluster: string
  /** For how long the log ends have been what they are, as far as they were watched. */
  readonly forMs: number
  /** They have moved while they were watched. */
  readonly moved: boolean
}

/** Producers are gone, as far as log ends tell: they have not moved for so long. */
export const SOURCE_QUIET: Fact<QuietOf, QuietSeen> = {
  name: 'source-quiet',
  title: ({ topic, quietMs }) =>
    `${topic} stands still on the source for ${humanDuration(quietMs)}`,
  reads: 'ListOffsets of the source, again and again',
  judge: ({ cluster, forMs, moved }, { quietMs }) => {
    if (forMs >= quietMs) return HOLDS
    if (forMs > 0) {
      return waits(`quiet so far, ${Math.ceil((quietMs - forMs) / 1000)} s to go`)
    }
    return waits(
      moved
        ? `producers still write to ${cluster}: stop them`
        : `watching the log ends of ${cluster}`,
    )
  },
}

interface TopicOf {
  readonly topic: TopicName
}

/** Every partition of the source was marked. */
export const PARTITIONS_MARKED: Fact<TopicOf, number> = {
  name: 'partitions-marked',
  title: ({ topic }) => `every partition of ${topic} is mirrored`,
  reads: 'Metadata of the source',
  judge: (added, { topic }) =>
    added === 0
      ? HOLDS
      : never(
          `${topic} has got ${counted(added, 'partition')} on the source since its mark, which nothing copies: a new plan adds and marks them, or says why it cannot`,
        ),
}

/** Every record of the source since the mark is on the target: it ends where what the mirror has written and checked ends, or behind it. */
export const COUNTS_EQUAL: Fact<TopicOf, readonly PartitionNow[]> = {
  name: 'counts-equal',
  title: ({ topic }) => `both sides hold as many records of ${topic}`,
  reads: 'ListOffsets of both sides, and the progress that the mirror stores',
  judge: (partitions) => {
    for (const { key, proven, sourceEnd, targetEnd } of partitions) {
      if (proven.mirroredTo !== sourceEnd) {
        return waits(`the mirror has checked ${key} up to ${proven.mirroredTo} of ${sourceEnd}`)
      }
      const expected = expectedTargetEnd(proven)
      if (targetEnd >= expected) continue
      return never(
        `${key} ends at ${targetEnd} where it is copied to, below the end of the copy ${expected}`,
      )
    }
    return HOLDS
  },
}

/** What the target holds is the mirror's own, all of it. Where the mirror has not checked up to the end, more may be its own still. */
export const NO_FOREIGN_WRITES: Fact<TopicOf, readonly PartitionNow[]> = {
  name: 'no-foreign-writes',
  title: ({ topic }) => `nobody but the mirror has written to the copy of ${topic}`,
  reads: COUNTS_EQUAL.reads,
  judge: (partitions) => {
    for (const { key, proven, sourceEnd, targetEnd } of partitions) {
      const expected = expectedTargetEnd(proven)
      if (targetEnd <= expected) continue
      if (proven.mirroredTo < sourceEnd) {
        return waits(`the mirror has checked ${key} up to ${proven.mirroredTo} of ${sourceEnd}`)
      }
      return never(
        `${key} ends at ${targetEnd} where it is copied to, ${counted(targetEnd - expected, 'offset')} past the end of the copy: somebody else writes there`,
      )
    }
    return HOLDS
  },
}

/** All that a topic must be before it is sealed, seen in one look. */
interface DrainSeen {
  readonly reports: readonly PartitionReport[]
  readonly partitions: readonly PartitionNow[]
  readonly added: number
  readonly quiet: QuietSeen
  readonly open: OpenSeen
}

const drainSeen = async (
  run: Run,
  { topic, quietMs }: QuietOf,
  moment: 'before' | 'after',
): Promise<DrainSeen> => {
  const reports = await reportsOf(run, [topic], moment)
  const { now, stillness } = await watchAll(run)
  const { forMs, moved } = stillness(topic)
  const partitions = [...now.values()].filter((p) => p.mark.topic === topic)
  const { source } = run.clusters
  // On the way back no plan could add them: they stand in the way once there is something in them.
  const isBack = partitions.some(({ mark }) => mark.way === 'reverse')
  const added = isBack
    ? await filledUnmarked(source, partitions)
    : ((await unmarked(source, partitions))?.added ?? [])
  const held = partitions.filter((p) => p.sourceStable < p.sourceEnd)
  return {
    reports,
    partitions,
    added: added.length,
    quiet: { cluster: source.name, forMs, moved },
    // While producers write nobody waits for the end of their transactions yet.
    open:
      held.length === 0 || (forMs === 0 && quietMs > 0)
        ? NOTHING_OPEN
        : await openTransactions(source, held),
  }
}

/**
 * What `sourceIsDrained` waits for, the first that does not hold first: that producers write, before what follows from it; how long it was
 * quiet, when nothing else is left.
 */
const drainJudged = (seen: DrainSeen, of: QuietOf): GateReading => {
  const { reports, partitions, added, quiet, open } = seen
  const now = new Map(partitions.map((p) => [p.key, p]))
  const isMoving = quiet.forMs === 0
  const isQuiet = told(SOURCE_QUIET, quiet, of)
  return allOf([
    told(MIRROR_SOUND, { reports, now }, null),
    told(PARTITIONS_MARKED, added, of),
    ...(isMoving ? [isQuiet] : []),
    told(TRANSACTIONS_ENDED, open, of),
    told(MIRROR_LAG, partitions, { ...of, allowed: 0 }),
    told(COUNTS_EQUAL, partitions, of),
    told(NO_FOREIGN_WRITES, partitions, of),
    isQuiet,
  ])
}

/**
 * Source log ends stand still for `quietMs`, no transaction is open, the mirror is at the end, both sides hold the same count, and nobody
 * else has written to the copy. One gate, because only all of it over the same stretch of time says that the producers are gone and
 * nothing is left to copy.
 */
export const sourceIsDrained = (topic: TopicName, quietMs: number): Gate => ({
  title: `${SOURCE_QUIET.title({ topic, quietMs })}, and all of it is mirrored`,
  after: true,
  check: async (run, moment = 'before') =>
    drainJudged(await drainSeen(run, { topic, quietMs }, moment), { topic, quietMs }),
})

/** The same for the way back: the target stands still, and all that producers wrote to it is on the source. */
export const targetIsDrained = (topic: TopicName, quietMs: number): Gate => ({
  title: `${topic} stands still on the target for ${humanDuration(quietMs)}, and all of it is mirrored back`,
  after: true,
  check: async (run, moment) => {
    const reading = await sourceIsDrained(topic, quietMs).check(reversed(run), moment)
    // Its parts are called as those of the way there, where source and target are the other way round.
    return reading.holds ? reading : withoutTitle(reading)
  },
})

const withoutTitle = ({ because, worthWaiting }: Exclude<GateReading, { holds: true }>) =>
  ({ holds: false, because, worthWaiting }) as const
