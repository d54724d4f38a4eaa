import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Deadline, Invariant } from '../domain/plan.ts'
import { counted } from '../steps/_words.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import type { ObservedPartition, ObservedSide } from './observed.ts'
import { timeOf } from './recommend-order.ts'
import { effective } from './topic-configs.ts'

/** Broker default of `offsets.retention.minutes` since 2.0: seven days. Before 2.1 a commit lived for a day. */
const OFFSETS_RETENTION_MINUTES = 7 * 24 * 60

/**
 * The moments after which this plan no longer works, earliest first. Pure; views, metrics and apply take them from the plan.
 * - `source-retention`: records that are still to be copied are taken by the source's retention, by time, or by size as far as the
 *   movement of its log start since the mark foretells it;
 * - `target-retention`: records that a group has still to read are taken by the target's, once producers have moved first;
 * - `source-commits`, `target-commits`: positions of a group without members expire.
 */
export const deadlines = (context: PlanContext): readonly Deadline[] =>
  [
    ...earliest(sourceRetention(context)),
    ...earliest(sourceSize(context)),
    ...earliest(targetRetention(context)),
    ...sourceCommits(context),
    ...targetCommits(context),
  ].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))

const earliest = (found: readonly Deadline[]): readonly Deadline[] => {
  const [first] = [...found].sort((a, b) => (a.at < b.at ? -1 : 1))
  return first ? [first] : []
}

const instant = (ms: number): string => new Date(ms).toISOString()

/** A partition of the source with records that are still to be copied. */
interface Uncopied {
  readonly topic: TopicName
  readonly seen: ObservedPartition
  readonly key: PartitionKey
  /** The next offset to copy, at the lowest: gaps are not counted. */
  readonly next: bigint
}

const uncopied = ({ desired, observed, state }: PlanContext): readonly Uncopied[] =>
  desired.topics.flatMap(({ name }) => {
    if (state.seals.some((seal) => seal.topic === name)) return []
    const source = observed.source.topics.get(name)
    const target = observed.target.topics.get(name)
    return (source?.partitions ?? []).flatMap((seen): Uncopied[] => {
      const mark = state.marks.find((m) => m.topic === name && m.partition === seen.partition)
      const there = target?.partitions.find((p) => p.partition === seen.partition)
      const copied =
        mark && there && there.highWatermark > mark.targetStart
          ? mark.sourceStart + (there.highWatermark - mark.targetStart)
          : (mark?.sourceStart ?? seen.logStart)
      const next = copied > seen.logStart ? copied : seen.logStart
      return next >= seen.highWatermark
        ? []
        : [{ topic: name, seen, key: partitionKey(name, seen.partition), next }]
    })
  })

const sourceRetention = (context: PlanContext): readonly Deadline[] => {
  const { observed, now } = context
  return uncopied(context).flatMap(({ topic, seen, key, next }): Deadline[] => {
    const retention = Number(effective(observed.source.topics.get(topic), 'retention.ms') ?? '-1')
    const { sample } = seen
    if (retention < 0 || !sample || sample.headTimestamp < 0) return []
    const written = next === seen.logStart ? sample.headTimestamp : timeOf(seen, next, now)
    // What is past it already goes with its whole segment: nothing can be said about when.
    if (written === undefined || written + retention <= now.getTime()) return []
    return [
      {
        at: instant(written + retention),
        says: `retention of ${topic}-${seen.partition} on ${observed.source.name} is the first deadline`,
        about: { kind: 'source-retention', partition: key, offset: String(next) },
      },
    ]
  })
}

/** Retention by size moves the log start as fast as records come. What it did since the mark says when it reaches what is to be copied. */
const sourceSize = (context: PlanContext): readonly Deadline[] => {
  const { observed, state, now } = context
  return uncopied(context).flatMap(({ topic, seen, key, next }): Deadline[] => {
    const size = Number(effective(observed.source.topics.get(topic), 'retention.bytes') ?? '-1')
    const mark = state.marks.find((m) => m.topic === topic && m.partition === seen.partition)
    if (size < 0 || !mark) return []
    const moved = Number(seen.logStart - mark.sourceStart)
    const elapsed = now.getTime() - Date.parse(mark.at)
    if (moved <= 0 || elapsed <= 0) return []
    const left = (Number(next - seen.logStart) * elapsed) / moved
    return [
      {
        at: instant(now.getTime() + left),
        says: `the log start of ${topic}-${seen.partition} on ${observed.source.name} moves by ${counted(Math.round((moved * 3_600_000) / elapsed), 'offset')} an hour (retention.bytes) and reaches then what is still to be copied`,
        about: { kind: 'source-retention', partition: key, offset: String(next) },
      },
    ]
  })
}

/** Producers first: final configs are set at the seal, while groups still have to read what was mirrored. */
const targetRetention = (context: PlanContext): readonly Deadline[] => {
  const { desired, observed, state, now } = context
  const waiting = desired.groups.filter(
    ({ id }) => !state.syncs.some((s) => s.group === id && s.status === 'done'),
  )
  if (desired.order !== 'producers-first' || waiting.length === 0) return []
  return desired.topics.flatMap(({ name }) => {
    const source = observed.source.topics.get(name)
    const target = observed.target.topics.get(name)
    if (!source || !target || !state.seals.some((seal) => seal.topic === name)) return []
    const retention = Number(effective(target, 'retention.ms') ?? '-1')
    if (retention < 0) return []
    return source.partitions.flatMap((seen) =>
      waiting.flatMap(({ id }): Deadline[] => {
        const key = partitionKey(name, seen.partition)
        const offset = observed.source.groups.get(id)?.commits.get(key)?.offset
        if (offset === undefined || offset >= seen.highWatermark) return []
        const written = timeOf(seen, offset, now)
        if (written === undefined || written + retention <= now.getTime()) return []
        return [
          {
            at: instant(written + retention),
            says: `retention of ${name}-${seen.partition} on ${observed.target.name} reaches what ${id} has still to read`,
          },
        ]
      }),
    )
  })
}

const lifeMs = ({ brokerConfigs, commitsExpireEarly }: ObservedSide): number => {
  const minutes = brokerConfigs.get('offsets.retention.minutes')?.value
  return Number(minutes ?? (commitsExpireEarly ? 24 * 60 : OFFSETS_RETENTION_MINUTES)) * 60_000
}

/** A group whose consumers were stopped: since when, no broker tells, so this is the latest moment. */
const sourceCommits = ({ desired, observed, state, now }: PlanContext): readonly Deadline[] =>
  desired.groups.flatMap(({ id }): Deadline[] => {
    if (state.syncs.some((s) => s.group === id && s.status === 'done')) return []
    const group = observed.source.groups.get(id)
    if (!group || group.commits.size === 0 || group.description.members.length > 0) return []
    return [
      {
        at: instant(now.getTime() + lifeMs(observed.source)),
        says: `the positions of ${id} on ${observed.source.name}, which has no members now, are gone by then at the latest`,
        about: { kind: 'source-commits', group: id },
      },
    ]
  })

/** What was committed without members lives from its commit on; a running mirror renews it, which moves the moment past what is said. */
const targetCommits = ({ desired, observed, state, now }: PlanContext): readonly Deadline[] => {
  const names = new Set(desired.groups.map((g) => g.id))
  return state.syncs
    .filter((sync) => names.has(sync.group) && sync.status === 'done' && sync.positions.size > 0)
    .filter(
      ({ group }) => (observed.target.groups.get(group)?.description.members.length ?? 0) === 0,
    )
    .flatMap(({ group, at }): Deadline[] => {
      const expires = Date.parse(at) + lifeMs(observed.target)
      // Its positions are still there after it: they were renewed, and the state does not say when.
      if (expires <= now.getTime()) return []
      return [
        {
          at: instant(expires),
          says: `the synced positions of ${group} expire on ${observed.target.name} unless its consumers start, or a mirror runs that renews them`,
          about: { kind: 'target-commits', group },
        },
      ]
    })
}

/** What must still hold at apply: the source still has every record that the mirror has yet to copy. */
export const invariants = ({ observed, state }: PlanContext): readonly Invariant[] =>
  state.marks
    .filter(
      (mark) => !state.seals.some((s) => s.topic === mark.topic && s.partition === mark.partition),
    )
    .map((mark) => ({
      says: `${observed.source.name} still holds what is left to copy of ${mark.topic}-${mark.partition}`,
      check: { kind: 'source-holds' as const, partition: partitionKey(mark.topic, mark.partition) },
    }))
