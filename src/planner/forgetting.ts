import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { DELETE_RETENTION_MS, surelyKeptMs } from '../domain/heard.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { TopicSpec } from '../domain/migration.ts'
import type { Deadline } from '../domain/plan.ts'
import { placesOf } from '../domain/state-places.ts'
import { humanDuration } from '../steps/_words.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { type ObservedTopic, partitionAt } from './observed.ts'
import { effective, targetDefault, topicConfigs } from './topic-configs.ts'
import { earlierFirst, instant } from './uncopied.ts'

/**
 * What a cleaner takes from the target before it is mirrored back. A key that was deleted there leaves a tombstone, and the cleaner removes that
 * one too, `delete.retention.ms` after it was written at the earliest: who mirrors back later hears of neither, and the source keeps the key.
 */

/** How long the target will remember that a key was deleted, once its final configs hold; undefined: it is not compacted then. */
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

/** No date is later than this (ECMAScript). */
const LATEST_MS = 8.64e15

/**
 * The moment, in milliseconds, from which on the way back of a sealed topic is no longer known to be exact; undefined: no cleaner was at it, or
 * all of it was mirrored back in time. It follows from when a mirror was last known to have read all there was, never from how far one is
 * now: what it read since may have lacked what was forgotten. Where Ferry has protected the topic before that moment, there is none.
 */
const exactUntil = (context: PlanContext, topic: TopicName): number | undefined => {
  const { observed, state, backProgress } = context
  const { marks } = placesOf(state.reverse)
  const target = observed.target.topics.get(topic)
  const cleaned = state.cleaned?.find(
    (each) => each.topic === topic && each.cluster === observed.target.id,
  )
  const isCompacted = effective(target, 'cleanup.policy')?.includes('compact') ?? false
  const kept = Number(effective(target, 'delete.retention.ms') ?? DELETE_RETENTION_MS)
  // Whatever was protected since: a mirror has seen that it came too late.
  const forgotten: number[] = []
  const moments = (placesOf(state).sealedTopics.get(topic) ?? []).flatMap((seal) => {
    const key = partitionKey(topic, seal.partition)
    const stored = backProgress?.get(key)
    const heard = stored?.producerId === marks.get(key)?.producerId ? stored?.heard : undefined
    if (heard?.isForgotten) forgotten.push(Date.parse(heard.at))
    const end = partitionAt(target, seal.partition)?.highWatermark ?? 0n
    if (end <= (heard?.to ?? seal.targetEnd)) return []
    const shortest = Math.min(kept, heard?.keptMs ?? kept, cleaned?.keptMs ?? kept)
    return [Date.parse(heard?.at ?? seal.at) + surelyKeptMs(shortest)]
  })
  if (forgotten.length > 0) return Math.min(...forgotten)
  if (!isCompacted && cleaned === undefined) return undefined
  const until = Math.min(...moments)
  if (until > LATEST_MS) return undefined
  const protectedAt = isCompacted ? undefined : cleaned?.protectedAt
  return protectedAt !== undefined && Date.parse(protectedAt) < until ? undefined : until
}

/** Until when the topics that still have to be mirrored back are exact; what passed it is refused. */
export const forgottenOnWayBack = (
  context: PlanContext,
  topics: readonly TopicName[],
): readonly Diagnostic[] =>
  topics.flatMap((topic) => {
    const until = exactUntil(context, topic)
    if (until === undefined) return []
    const { source, target } = context.observed
    const isOver = until <= context.now.getTime()
    const at = instant(until)
    return [
      diagnostic({
        code: 'FERRY1366',
        severity: isOver ? 'error' : 'warning',
        detail: `${topic} is compacted on ${target.name}: from ${at} on (the shortest delete.retention.ms that was seen, less a margin, after a mirror that copies back last had read all of it, or after the seal) its cleaner may have removed what says that a key was deleted, and ${source.name} would keep that key.`,
        fix: isOver
          ? `Stay on ${target.name}: what is missing nobody can tell, also once a mirror has come to the end.`
          : 'Run the rollback before; a mirror that copies back (rollback.keepSourceWarm) moves the moment on.',
      }),
    ]
  })

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
          at: instant(until),
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
  afterMs: number,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1366',
    severity: 'warning',
    detail: `${name} will be compacted on ${observed.target.name}, which remembers that a key was deleted for ${humanDuration(afterMs)} (delete.retention.ms). Going back to ${observed.source.name} is exact only within that time after the last look of a mirror that copies back${desired.rollback.keepSourceWarm ? '' : ': without one, after the seal'}.`,
    fix: desired.rollback.keepSourceWarm
      ? `Keep \`ferry mirror ${desired.name}\` running after producers have moved, or raise delete.retention.ms under \`configs\`.`
      : 'Write `rollback: { keepSourceWarm: true }` and keep `ferry mirror` running, or raise delete.retention.ms under `configs`, if the way back is to stay open for longer.',
    at,
  })

/** Records that are mirrored back keep their timestamps, and retention of the source counts from those. */
export const shortOnSource = (
  context: PlanContext,
  topics: readonly TopicName[],
): readonly Diagnostic[] =>
  topics.flatMap((topic) => {
    const { observed, state, now, desired } = context
    const source = observed.source.topics.get(topic)
    const kept = Number(effective(source, 'retention.ms') ?? '-1')
    const deletes = effective(source, 'cleanup.policy')?.includes('delete') ?? true
    if (kept < 0 || !deletes) return []
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
