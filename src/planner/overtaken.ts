import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { partitionKey } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { Deadline } from '../domain/plan.ts'
import { placesOf } from '../domain/state-places.ts'
import { counted, humanSeconds } from '../steps/_words.ts'
import { ageMs, MIRROR_RATE } from './recommend-order.ts'
import { retentionOf } from './topic-configs.ts'
import {
  type CopyContext,
  Earliest,
  instant,
  sourceHolds,
  type Uncopied,
  uncopied,
} from './uncopied.ts'

/** An average over less says nothing of what goes on. */
const WRITTEN_FOR_MS = 3_600_000
const COPIED_FOR_MS = 60_000
/** Averages of different stretches: a tenth between them says nothing. */
const CLEARLY = 0.9

/** How fast one partition is copied, and how fast retention follows. Offsets per second. */
export interface Race extends Uncopied {
  readonly copied: number
  /** Measured just now, over all the time since the mark, or not yet: then it is what a mirror does at least. */
  readonly by: 'now' | 'mark' | 'estimate'
  readonly taken: number
}
export interface Overtaken extends Race {
  /** Milliseconds since 1970, at these rates. */
  readonly at: number
  /** Where the mirror will be then. */
  readonly offset: bigint
}

export interface Races {
  /** Where it is closest: the least copied for what is taken. */
  readonly closest: Race | undefined
  /** Where the mirror is overtaken first. */
  readonly overtaken: Overtaken | undefined
}

/**
 * Whether the source's retention will take what the mirror has not copied although it runs. The mirror's rate is what it has copied since
 * the mark by when it last said so; before the first, what a mirror does at least. Log starts move by time as fast as the records that
 * expire once came, by size as they moved since the mark. A rate of a topic that somebody has just measured goes before these.
 */
export const races = (context: CopyContext, measured?: ReadonlyMap<string, number>): Races => {
  const closest = new Earliest<Race>()
  const first = new Earliest<Overtaken>()
  const rate = copiedRate(context, measured)
  for (const each of uncopied(context)) {
    const { copied, by } = rate(each)
    if (copied === undefined) continue
    for (const { taken, in: delay } of followers(context, each)) {
      const race = { ...each, copied, by, taken }
      closest.offer(race, copied / taken)
      if (copied >= taken * CLEARLY) continue
      const { seen, next } = each
      const seconds = (Number(next - seen.logStart) + taken * delay) / (taken - copied)
      if (seconds <= 0) continue
      const at = context.now.getTime() + seconds * 1000
      first.offer({ ...race, at, offset: next + BigInt(Math.floor(copied * seconds)) }, at)
    }
  }
  return { closest: closest.of, overtaken: first.of }
}

/** A plan asks twice, for a deadline and for a warning, about every partition there is. */
const KNOWN = new WeakMap<CopyContext, Races>()

const racesOf = (context: CopyContext): Races => {
  const known = KNOWN.get(context) ?? races(context)
  KNOWN.set(context, known)
  return known
}

export const overtaken = (context: CopyContext): readonly Deadline[] => {
  const { overtaken: found } = racesOf(context)
  if (found === undefined) return []
  const { topic, seen, at, offset } = found
  return [
    {
      at: instant(at),
      says: `retention of ${topic}-${seen.partition} on ${context.observed.source.name} overtakes the mirror: ${ratesInWords(found)}`,
      about: sourceHolds(topic, seen, offset),
    },
  ]
}

export const overtakenWarning = (context: CopyContext): readonly Diagnostic[] => {
  const { overtaken: found } = racesOf(context)
  if (found === undefined) return []
  const { topic, seen, at } = found
  const { source } = context.observed
  return [
    diagnostic({
      code: 'FERRY1365',
      severity: 'warning',
      detail: `The mirror will not have copied ${topic}-${seen.partition} before retention on ${source.name} takes it: ${ratesInWords(found)}. At these rates it is overtaken in about ${humanSeconds((at - context.now.getTime()) / 1000)}.`,
      fix: `Raise mirror.throttle, or share the partitions among several mirrors (ferry mirror ${context.desired.name}); or raise retention.ms and retention.bytes of ${topic} on ${source.name} until it is copied.`,
      at: context.desired.stageAt,
    }),
  ]
}

/** `it copies 200 records/s, retention takes 1,000 records/s` */
export const ratesInWords = ({
  copied,
  by,
  taken,
}: Pick<Race, 'copied' | 'by' | 'taken'>): string =>
  `${COPIES[by]} ${perSecond(copied)}${by === 'mark' ? ' since its mark' : ''}, retention takes ${perSecond(taken)}`

const COPIES = { now: 'it copies', mark: 'it has copied', estimate: 'it will copy' } as const

const perSecond = (rate: number): string =>
  rate >= 10
    ? `${counted(Math.round(rate), 'record')}/s`
    : `${counted(Math.round(rate * 3600), 'record')} an hour`

/** What follows the mirror, by time and by size: so many offsets per second, from so many seconds from now on. */
const followers = (
  { observed, state, now }: CopyContext,
  { topic, seen }: Uncopied,
): readonly { readonly taken: number; readonly in: number }[] => {
  const source = observed.source.topics.get(topic)
  const found: { taken: number; in: number }[] = []
  const [time, age] = [retentionOf(source, 'retention.ms'), ageMs(seen, now)]
  if (time >= 0 && age >= WRITTEN_FOR_MS) {
    const taken = (Number(seen.highWatermark - seen.logStart) * 1000) / age
    found.push({ taken, in: (time - age) / 1000 })
  }
  const mark = placesOf(state).marks.get(partitionKey(topic, seen.partition))
  const moved = mark === undefined ? 0 : Number(seen.logStart - mark.sourceStart)
  const elapsed = mark === undefined ? 0 : now.getTime() - Date.parse(mark.at)
  if (retentionOf(source, 'retention.bytes') >= 0 && moved > 0 && elapsed > 0) {
    found.push({ taken: (moved * 1000) / elapsed, in: 0 })
  }
  return found
}

type CopiedRate = (each: Uncopied) => {
  readonly copied: number | undefined
  readonly by: Race['by']
}

/** Offsets per second of one partition. */
const copiedRate = (
  context: CopyContext,
  measured: ReadonlyMap<string, number> = new Map(),
): CopiedRate => {
  const { state, progress, desired } = context
  const { marks } = placesOf(state)
  const perTopic = new Map<string, number>()
  let bytes = 0
  for (const { topic, seen, next } of uncopied(context)) {
    perTopic.set(topic, (perTopic.get(topic) ?? 0) + 1)
    bytes += Number(seen.highWatermark - next) * (seen.sample?.recordBytes ?? 0)
  }
  const seconds = bytes / (desired.mirror.throttle ?? MIRROR_RATE)
  return ({ topic, seen, next }) => {
    const now = measured.get(topic)
    if (now !== undefined) return { copied: now / perTopic.get(topic)!, by: 'now' }
    const key = partitionKey(topic, seen.partition)
    const mark = marks.get(key)
    if (mark !== undefined) return { copied: sinceMark(mark, progress.get(key)), by: 'mark' }
    const copied = seconds > 0 ? Number(seen.highWatermark - next) / seconds : undefined
    return { copied, by: 'estimate' }
  }
}

const sinceMark = (
  { sourceStart, producerId, at }: Mark,
  progress: ReturnType<CopyContext['progress']['get']>,
): number | undefined => {
  if (progress?.producerId !== producerId) return undefined
  const elapsed = Date.parse(progress.at) - Date.parse(at)
  return elapsed < COPIED_FOR_MS
    ? undefined
    : (Number(progress.mirroredTo - sourceStart) * 1000) / elapsed
}
