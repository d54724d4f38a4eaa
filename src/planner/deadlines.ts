import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type GroupId,
  type PartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { Deadline, Invariant } from '../domain/plan.ts'
import { placesOf } from '../domain/state-places.ts'
import { counted, someNames } from '../steps/_words.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { sourceCommits, targetCommits } from './commits-expire.ts'
import { type ObservedPartition, partitionAt } from './observed.ts'
import { overtaken } from './overtaken.ts'
import { timeOf } from './recommend-order.ts'
import { retentionOf } from './topic-configs.ts'
import { Earliest, earlierFirst, sourceHolds, type Uncopied, uncopied } from './uncopied.ts'

/**
 * The moments after which this plan no longer works, earliest first. Pure; views, metrics and apply take them from the plan.
 * - `source-retention`: records that are still to be copied are taken by the source's retention, by time, or by size as far as the
 *   movement of its log start since the mark foretells it;
 * - the same kind where the mirror runs, but slower than retention follows: see `overtaken.ts`;
 * - `back-retention`: what producers have written to the target, and is still to be mirrored back, is taken by the target's;
 * - `target-retention`: records that a group has still to read are taken by the target's, once producers have moved first;
 * - `source-commits`, `target-commits`: positions of a group without members expire, see `commits-expire.ts`.
 */
export const deadlines = (context: PlanContext): readonly Deadline[] =>
  [
    ...sourceRetention(context),
    ...sourceSize(context),
    ...overtaken(context),
    ...backRetention(context),
    ...targetRetention(context),
    ...sourceCommits(context),
    ...targetCommits(context),
  ].sort(earlierFirst)

const sourceRetention = (context: PlanContext): readonly Deadline[] => {
  const { observed, now } = context
  const first = new Earliest<Uncopied>()
  for (const each of uncopied(context)) {
    const at = expiresAt(each, context)
    // What is past it already goes with its whole segment: nothing can be said about when. See `mayGoNow`.
    if (at !== undefined && at > now.getTime()) first.offer(each, at)
  }
  return first.as(({ topic, seen, next }, at) => ({
    at,
    says: `retention of ${topic}-${seen.partition} on ${observed.source.name} is the first deadline`,
    about: sourceHolds(topic, seen, next),
  }))
}

/** From when on the source's retention by time may take the next record to be copied; undefined: never, or nothing can be said. */
const expiresAt = (
  { topic, seen, next }: Uncopied,
  { observed, now }: Pick<PlanContext, 'observed' | 'now'>,
): number | undefined => {
  const retention = retentionOf(observed.source.topics.get(topic), 'retention.ms')
  const { sample } = seen
  if (retention < 0 || !sample || sample.headTimestamp < 0) return undefined
  // Retention counts a batch by its largest time: nothing of the first one goes before that.
  const even = next === seen.logStart ? sample.headTimestamp : timeOf(seen, next, now)
  return even === undefined ? undefined : Math.max(even, sample.headTimestamp) + retention
}

/**
 * What is marked, not copied, and past its retention: it has no deadline that is still to come, and is more urgent than all that have. It
 * blocks nothing: it is there until the cleaner takes it, and what is gone before a mark is made is no loss to the copy. Pure.
 */
export const mayGoNow = (context: PlanContext): readonly Diagnostic[] => {
  const { desired, observed, state, now } = context
  const { marks } = placesOf(state)
  const due = uncopied(context).filter((each) => {
    if (!marks.has(partitionKey(each.topic, each.seen.partition))) return false
    const at = expiresAt(each, context)
    return at !== undefined && at <= now.getTime()
  })
  if (due.length === 0) return []
  const { name } = observed.source
  const named = someNames(
    due.map(({ topic, seen, next }) => `${topic}-${seen.partition} from offset ${next} on`),
  )
  return [
    diagnostic({
      code: 'FERRY1368',
      severity: 'warning',
      detail: `Records that are still to be copied are past their retention.ms on ${name}, and may go at any moment: ${named}.`,
      fix: `Let a mirror run now (ferry mirror ${desired.name}), or raise retention.ms on ${name} until they are copied.`,
      at: desired.stageAt,
    }),
  ]
}

/** Retention by size moves the log start as fast as records come. What it did since the mark says when it reaches what is to be copied. */
const sourceSize = (context: PlanContext): readonly Deadline[] => {
  const { observed, state, now } = context
  const { marks } = placesOf(state)
  const first = new Earliest<Uncopied & { readonly hourly: number }>()
  for (const each of uncopied(context)) {
    const { topic, seen, next } = each
    const size = retentionOf(observed.source.topics.get(topic), 'retention.bytes')
    const mark = size < 0 ? undefined : marks.get(partitionKey(topic, seen.partition))
    if (!mark) continue
    const moved = Number(seen.logStart - mark.sourceStart)
    const elapsed = now.getTime() - Date.parse(mark.at)
    if (moved <= 0 || elapsed <= 0) continue
    const left = (Number(next - seen.logStart) * elapsed) / moved
    const hourly = Math.round((moved * 3_600_000) / elapsed)
    first.offer({ ...each, hourly }, now.getTime() + left)
  }
  return first.as(({ topic, seen, next, hourly }, at) => ({
    at,
    says: `the log start of ${topic}-${seen.partition} on ${observed.source.name} moves by ${counted(hourly, 'offset')} an hour (retention.bytes) and reaches then what is still to be copied`,
    about: sourceHolds(topic, seen, next),
  }))
}

/** Of all that is marked for the way back the first. */
const backRetention = (context: PlanContext): readonly Deadline[] => {
  const topics = placesOf(context.state.reverse).markedTopics
  return backRetentionOf(context, [...topics]).slice(0, 1)
}

/**
 * The target's retention takes what is still to be mirrored back: for each topic the first moment, earliest first. When it was written
 * follows from the seal, after which all of it came, taking that records come evenly.
 */
export const backRetentionOf = (
  context: PlanContext,
  topics: readonly TopicName[],
): readonly Deadline[] => {
  const { observed, state, now } = context
  const back = placesOf(state.reverse)
  return topics
    .flatMap((topic) => {
      const there = observed.target.topics.get(topic)
      const retention = retentionOf(there, 'retention.ms')
      if (retention < 0) return []
      const first = new Earliest<TopicPartition & { readonly next: bigint }>()
      for (const seal of placesOf(state).sealedTopics.get(topic) ?? []) {
        const { partition } = seal
        const end = partitionAt(there, partition)?.highWatermark
        if (end === undefined || back.seals.has(partitionKey(topic, partition))) continue
        const next = mirroredBackTo(context, seal)
        if (next >= end) continue
        const sealed = Date.parse(seal.at)
        const part = Number(next - seal.targetEnd) / Number(end - seal.targetEnd)
        const at = sealed + Math.max(0, part) * (now.getTime() - sealed) + retention
        if (at > now.getTime()) first.offer({ topic, partition, next }, at)
      }
      return first.as(({ partition, next }, at) => ({
        at,
        says: `retention of ${topic}-${partition} on ${observed.target.name} reaches what is still to be mirrored back`,
        about: {
          kind: 'back-retention',
          partition: partitionKey(topic, partition),
          offset: String(next),
          retentionMs: String(retention),
        },
      }))
    })
    .sort(earlierFirst)
}

/** The first offset of the target behind a seal that is not on the source again, as the decisions and mirrors say. */
export const mirroredBackTo = (
  { state, backProgress }: Pick<PlanContext, 'state' | 'backProgress'>,
  { topic, partition, targetEnd }: Seal,
): bigint => {
  const key = partitionKey(topic, partition)
  const back = placesOf(state.reverse)
  const mark = back.marks.get(key)
  const sealedTo = back.seals.get(key)?.sourceEnd
  if (sealedTo !== undefined) return sealedTo
  const stored = backProgress?.get(key)
  return mark && stored?.producerId === mark.producerId ? stored.mirroredTo : targetEnd
}

/** Producers first: final configs are set at the seal, while groups still have to read what was mirrored. */
const targetRetention = (context: PlanContext): readonly Deadline[] => {
  const { desired, observed, state, now } = context
  const waiting = desired.groups.filter(
    ({ id }) => !state.syncs.some((s) => s.group === id && s.status === 'done'),
  )
  if (desired.order !== 'producers-first' || waiting.length === 0) return []
  const places = new Map<
    PartitionKey,
    { readonly of: TopicPartition; readonly seen: ObservedPartition; readonly retention: number }
  >()
  for (const { name } of desired.topics) {
    const source = observed.source.topics.get(name)
    const target = observed.target.topics.get(name)
    if (!source || !target || !placesOf(state).sealedTopics.has(name)) continue
    const retention = retentionOf(target, 'retention.ms')
    if (retention < 0) continue
    for (const seen of source.partitions) {
      const of = { topic: name, partition: seen.partition }
      places.set(partitionKey(name, seen.partition), { of, seen, retention })
    }
  }
  const first = new Earliest<TopicPartition & { readonly group: GroupId }>()
  for (const { id: group } of waiting) {
    for (const [key, { offset }] of observed.source.groups.get(group)?.commits ?? []) {
      const place = places.get(key)
      if (!place || offset >= place.seen.highWatermark) continue
      const written = timeOf(place.seen, offset, now)
      if (written === undefined || written + place.retention <= now.getTime()) continue
      first.offer({ ...place.of, group }, written + place.retention)
    }
  }
  return first.as(({ topic, partition, group }, at) => ({
    at,
    says: `retention of ${topic}-${partition} on ${observed.target.name} reaches what ${group} has still to read`,
    about: { kind: 'target-retention', group, partition: partitionKey(topic, partition) },
  }))
}

/** What must still hold at apply: the source still has every record that the mirror has yet to copy. */
export const invariants = ({ observed, state }: PlanContext): readonly Invariant[] => {
  const { seals } = placesOf(state)
  const isSealed = ({ topic, partition }: TopicPartition) =>
    seals.has(partitionKey(topic, partition))
  const open = new Set(state.marks.flatMap((mark) => (isSealed(mark) ? [] : [mark.topic])))
  return [...open].map((topic) => ({
    says: `${observed.source.name} still holds what is left to copy of ${topic}`,
    check: { kind: 'source-holds', topic },
  }))
}
