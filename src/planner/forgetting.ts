import type { Cleaned } from '../domain/cleaned.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { DELETE_RETENTION_MS, isHardlyKept, surelyKeptMs } from '../domain/heard.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { TopicSpec } from '../domain/migration.ts'
import type { Deadline } from '../domain/plan.ts'
import { placesOf } from '../domain/state-places.ts'
import { humanDuration } from '../steps/_words.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { type ObservedTopic, partitionAt } from './observed.ts'
import { effective, retentionOf, targetDefault, topicConfigs } from './topic-configs.ts'
import { earlierFirst, instant } from './uncopied.ts'

/**
 * What a cleaner takes from the target before it is mirrored back. A key that was deleted there leaves a tombstone, and the cleaner removes that
 * one too, `delete.retention.ms` after it was written at the earliest: who mirrors back later hears of neither, and the source keeps the key.
 */

/** The `delete.retention.ms` of the target, once its final configs hold; undefined: it is not compacted then. */
export const willForgetAfter = (
  { observed: { target }, now }: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
): number | undefined => {
  const { final } = topicConfigs(spec, source, target, now)
  const then = (key: string) => final.get(key) ?? targetDefault(target, key)
  if (!then('cleanup.policy')?.includes('compact')) return undefined
  return Number(
    final.get('delete.retention.ms') ??
      target.brokerConfigs.get('log.cleaner.delete.retention.ms')?.value ??
      DELETE_RETENTION_MS,
  )
}

/** What is known of a cleaner that was at the copy of a topic. */
export const cleanedOnTarget = (
  { state, observed: { target } }: Pick<PlanContext, 'state' | 'observed'>,
  topic: TopicName,
): Cleaned | undefined =>
  state.cleaned?.find((each) => each.topic === topic && each.cluster === target.id)

/** No date is later than this (ECMAScript). */
const LATEST_MS = 8.64e15

/** Up to when the way back of a topic is known to be exact, and what that is counted from. */
interface ExactUntil {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly because: string
}

/**
 * The moment from which on the way back of a sealed topic is no longer known to be exact; undefined: no cleaner was at it, or
 * all of it was mirrored back in time. It follows from when a mirror was last known to have read all there was, never from how far one is
 * now: what it read since may have lacked what was forgotten. Where Ferry has protected the topic before that moment, there is none.
 */
const exactUntil = (context: PlanContext, topic: TopicName): ExactUntil | undefined => {
  const { observed, state, backProgress } = context
  const { marks } = placesOf(state.reverse)
  const target = observed.target.topics.get(topic)
  const cleaned = cleanedOnTarget(context, topic)
  const isCompacted = effective(target, 'cleanup.policy')?.includes('compact') ?? false
  const kept = Number(effective(target, 'delete.retention.ms') ?? DELETE_RETENTION_MS)
  // Whatever was protected since: a mirror has seen that it came too late.
  const forgotten: ExactUntil[] = []
  const moments = (placesOf(state).sealedTopics.get(topic) ?? []).flatMap((seal): ExactUntil[] => {
    const key = partitionKey(topic, seal.partition)
    const mark = marks.get(key)
    const stored = backProgress?.get(key)
    const heard = stored?.producerId === mark?.producerId ? stored?.heard : undefined
    if (heard?.isForgotten) {
      forgotten.push({ at: Date.parse(heard.at), because: unheardSince(heard.at, seal) })
    }
    if (!isCompacted && cleaned === undefined && !heard?.isCompacted) return []
    const end = partitionAt(target, seal.partition)?.highWatermark ?? 0n
    if (end <= (heard?.to ?? seal.targetEnd)) return []
    const shortest = Math.min(kept, heard?.keptMs ?? kept, cleaned?.keptMs ?? kept)
    const from =
      heard === undefined
        ? `the seal of ${seal.at}, ${mark ? `since which no mirror has written down that it had read all there was (one of an older version may have, and did not write it down)` : 'as no mirror copies back'}`
        : `${heard.at}, when a mirror that copies back last had read all there was`
    return [
      {
        at: Date.parse(heard?.at ?? seal.at) + surelyKeptMs(shortest),
        because: `${sureTime(shortest)} after ${from}`,
      },
    ]
  })
  if (forgotten.length > 0) return forgotten.reduce(earlier)
  if (moments.length === 0) return undefined
  const until = moments.reduce(earlier)
  if (until.at > LATEST_MS) return undefined
  const protectedAt = isCompacted ? undefined : cleaned?.protectedAt
  return protectedAt !== undefined && Date.parse(protectedAt) < until.at ? undefined : until
}

const earlier = (one: ExactUntil, other: ExactUntil): ExactUntil =>
  other.at < one.at ? other : one

const unheardSince = (at: string, seal: Seal): string => {
  const since = at === seal.at ? 'the seal' : 'then'
  const older =
    at === seal.at ? ', or by one of an older version, which did not write down when' : ''
  return `what was written since ${since} was read too late by the mirror that copies back${older}`
}

/** `1435m (the shortest delete.retention.ms that was seen, 1d, less a margin)`. */
const sureTime = (keptMs: number): string =>
  `${humanDuration(surelyKeptMs(keptMs))} (the shortest delete.retention.ms that was seen, ${humanDuration(keptMs)}, less a margin)`

/** Until when the topics that still have to be mirrored back are exact; what passed it is refused. */
export const forgottenOnWayBack = (
  context: PlanContext,
  topics: readonly TopicName[],
): readonly Diagnostic[] =>
  topics.flatMap((topic) => {
    const until = exactUntil(context, topic)
    if (until === undefined) return []
    const { source, target } = context.observed
    const isOver = until.at <= context.now.getTime()
    return [
      diagnostic({
        code: 'FERRY1366',
        severity: isOver ? 'error' : 'warning',
        detail: `${topic} ${compactedHow(context, topic)}: from ${instant(until.at)} on, ${until.because}, its cleaner may have removed what says that a key was deleted, and ${source.name} would keep that key.`,
        fix: isOver
          ? `Stay on ${target.name}: what is missing nobody can tell, also once a mirror has come to the end.`
          : 'Run the rollback before; a mirror that copies back (rollback.keepSourceWarm) moves the moment on.',
      }),
    ]
  })

const compactedHow = (context: PlanContext, topic: TopicName): string => {
  const { target } = context.observed
  const isCompacted =
    effective(target.topics.get(topic), 'cleanup.policy')?.includes('compact') ?? false
  if (isCompacted) return `is compacted on ${target.name}`
  const protectedAt = cleanedOnTarget(context, topic)?.protectedAt
  return `was compacted on ${target.name} until ${protectedAt ?? 'a moment that is not written down'}`
}

/** The same while nobody goes back: it is only told, as it stands in the way of nothing forwards. */
export const willBeForgotten = (context: PlanContext): readonly Diagnostic[] =>
  context.state.stage === 'retired'
    ? []
    : forgottenOnWayBack(context, [...placesOf(context.state).sealedTopics.keys()].sort()).map(
        (each) => ({ ...each, severity: 'warning' }),
      )

/** The same as deadlines of a rollback: apply refuses after one passed, as long as the cleaner is at work. */
export const wayBackDeadlines = (
  context: PlanContext,
  topics: readonly TopicName[],
): readonly Deadline[] =>
  topics
    .flatMap((topic): readonly Deadline[] => {
      const until = exactUntil(context, topic)
      if (until === undefined) return []
      const { target } = context.observed
      return [
        {
          at: instant(until.at),
          says: `${target.name} may forget then which keys of ${topic} were deleted: the way back is exact only before`,
          about: { kind: 'tombstones', topic },
        },
      ]
    })
    .sort(earlierFirst)

/** What it means for the way back that a topic will be compacted on the target, said before its producers move. */
export const willForget = (
  { desired, observed }: PlanContext,
  { name, at }: TopicSpec,
  keptMs: number,
): Diagnostic => {
  const { source, target } = observed
  const { keepSourceWarm } = desired.rollback
  const kept = `${name} will be compacted on ${target.name}, which keeps what says that a key was deleted for ${humanDuration(keptMs)} (delete.retention.ms).`
  if (isHardlyKept(keptMs)) {
    return diagnostic({
      code: 'FERRY1366',
      severity: 'warning',
      detail: `${kept} In effect there is no way back to ${source.name} once producers write on ${target.name}: it would be exact for ${humanDuration(surelyKeptMs(keptMs))}, with a mirror that copies back or without.`,
      fix: 'Raise delete.retention.ms under `configs` to hours at least, if the way back is to stay open.',
      at,
    })
  }
  return diagnostic({
    code: 'FERRY1366',
    severity: 'warning',
    detail: `${kept} Going back to ${source.name} is exact for ${humanDuration(surelyKeptMs(keptMs))} (that, less a margin) after ${keepSourceWarm ? 'a mirror that copies back last had read all there was' : 'the seal, as no mirror copies back'}.`,
    fix: keepSourceWarm
      ? `Keep \`ferry mirror ${desired.name}\` running after producers have moved, or raise delete.retention.ms under \`configs\`.`
      : 'Write `rollback: { keepSourceWarm: true }` and keep `ferry mirror` running, or raise delete.retention.ms under `configs`, if the way back is to stay open for longer.',
    at,
  })
}

/** Records that are mirrored back keep their timestamps, and retention of the source counts from those. */
export const shortOnSource = (
  context: PlanContext,
  topics: readonly TopicName[],
): readonly Diagnostic[] =>
  topics.flatMap((topic) => {
    const { observed, state, now, desired } = context
    const source = observed.source.topics.get(topic)
    const kept = retentionOf(source, 'retention.ms')
    if (kept < 0) return []
    const seals = placesOf(state).sealedTopics.get(topic) ?? []
    const isOlder = seals.some(({ at }) => now.getTime() - Date.parse(at) > kept)
    if (!isOlder && !desired.rollback.keepSourceWarm) return []
    return [
      diagnostic({
        code: 'FERRY1367',
        severity: 'warning',
        detail: `${observed.source.name} keeps ${topic} for ${humanDuration(kept)} (retention.ms). What is mirrored back keeps its timestamps: what was written to ${observed.target.name} longer ago is deleted from ${observed.source.name} as soon as it is there. A group that has not read it cannot go back, and its return is refused with the range.`,
        fix: `Raise retention.ms of ${topic} on ${observed.source.name} for as long as the way back is to stay open, or do nothing if no group is that far behind.`,
      }),
    ]
  })
