import type { TopicSpec } from '../domain/migration.ts'
import { CARRIED_TOPIC_CONFIGS } from '../domain/topic-config-names.ts'
import type { ObservedSide, ObservedTopic } from './observed.ts'

/** Longest time a broker takes as a window: Long.MAX_VALUE. */
export const OPEN = '9223372036854775807'
const DAY_MS = 24n * 3600n * 1000n

/** Removed in 4.0 or later than the oldest target: only where the target has them. */
const WINDOW_KEYS = ['message.timestamp.before.max.ms', 'message.timestamp.after.max.ms'] as const
const OLD_WINDOW_KEY = 'message.timestamp.difference.max.ms'

export interface TopicConfigs {
  /** What holds after the seal: the source's overrides with the file's on top. */
  readonly final: ReadonlyMap<string, string>
  /** What holds until the seal: `final` with the protective values on top. */
  readonly protective: ReadonlyMap<string, string>
  /** The shortest `retention.ms` that a topic may be left with until the seal: -1 is for ever. */
  readonly shortest: string
  /** Overrides of the source that are not carried over. */
  readonly leftBehind: readonly string[]
}

/** The value in force on a topic, its override or the broker's default; undefined where the cluster does not tell. */
export const effective = (topic: ObservedTopic | undefined, key: string): string | undefined =>
  topic?.configs?.get(key)?.value ?? undefined

/**
 * After how long, or above which size, a topic deletes records, by the values in force; -1: never. One that is only compacted deletes nothing
 * by either (UnifiedLog.deleteOldSegments).
 */
export const retentionOf = (
  topic: ObservedTopic | undefined,
  key: 'retention.ms' | 'retention.bytes',
): number => {
  const deletes = effective(topic, 'cleanup.policy')?.includes('delete') ?? true
  return deletes ? Number(effective(topic, key) ?? '-1') : -1
}

/** What the target would use for a topic without an override; broker keys carry a `log.` prefix, and a few names differ. */
const BROKER_KEY: Readonly<Record<string, string>> = {
  'max.message.bytes': 'message.max.bytes',
  'min.insync.replicas': 'min.insync.replicas',
  'compression.type': 'compression.type',
  'unclean.leader.election.enable': 'unclean.leader.election.enable',
}
export const targetDefault = (target: ObservedSide, key: string): string | undefined =>
  defaultIn(target.brokerConfigs, key)

/** As {@link targetDefault}, of the configs of one broker. Retention may be set in hours or minutes: the finest that is set counts. */
export const defaultIn = (
  brokerConfigs: ObservedSide['brokerConfigs'],
  key: string,
): string | undefined => {
  const value = (name: string): string | undefined => brokerConfigs.get(name)?.value ?? undefined
  const set = value(BROKER_KEY[key] ?? `log.${key}`)
  if (set !== undefined || key !== 'retention.ms') return set
  const inUnit = (name: string, ms: bigint): string | undefined => {
    const count = value(name)
    if (count === undefined) return undefined
    return count.startsWith('-') ? '-1' : String(BigInt(count) * ms)
  }
  return inUnit('log.retention.minutes', 60_000n) ?? inUnit('log.retention.hours', 3_600_000n)
}

const windowKeys = (target: ObservedSide): readonly string[] =>
  target.brokerConfigs.has('log.message.timestamp.before.max.ms') ? WINDOW_KEYS : [OLD_WINDOW_KEY]

const largest = (values: readonly (string | undefined)[]): bigint | undefined => {
  const numbers = values.filter((v) => v !== undefined).map((v) => BigInt(v))
  return numbers.length === 0 ? undefined : numbers.reduce((a, b) => (a > b ? a : b))
}

/**
 * One day above what the source keeps and what the file wants kept, so that the target never deletes first; -1 (for ever) wins.
 * A source deletes whole segments, so its oldest record can be far older than its retention: the oldest record's age counts too,
 * in whole days, or the target, whose segments end elsewhere, would delete records that the source still has.
 */
const protectiveRetention = (
  source: string | undefined,
  final: string | undefined,
  oldestAge: bigint,
): string => {
  if (source === undefined || source === '-1' || final === '-1') return '-1'
  return String((largest([source, final, String(oldestAge)]) ?? 0n) + DAY_MS)
}

/** Milliseconds; 0 where nothing has a time. */
const oldestAge = (topic: ObservedTopic, now: Date): bigint => {
  const oldest = topic.partitions.reduce(
    (first, { sample }) =>
      sample && sample.headTimestamp >= 0 ? Math.min(first, sample.headTimestamp) : first,
    now.getTime(),
  )
  return BigInt(now.getTime() - oldest)
}

const inWholeDays = (ms: bigint): bigint => ((ms + DAY_MS - 1n) / DAY_MS) * DAY_MS

/**
 * What a topic may be left with. The age of the oldest record grows with every hour: as long as half a day lies above it, a topic is not
 * altered for that.
 */
const shortestRetention = (
  source: string | undefined,
  final: string | undefined,
  age: bigint,
): string => {
  const without = protectiveRetention(source, final, 0n)
  return without === '-1' ? '-1' : String(largest([without, String(age + DAY_MS / 2n)]))
}

/** Final and protective configs of one topic, design section 4. */
export const topicConfigs = (
  spec: TopicSpec,
  source: ObservedTopic,
  target: ObservedSide,
  now: Date,
): TopicConfigs => {
  const windows = windowKeys(target)
  const final = new Map<string, string>()
  const leftBehind: string[] = []
  for (const [key, entry] of source.configs ?? []) {
    if (!entry.isOverride || entry.value === null) continue
    if (CARRIED_TOPIC_CONFIGS.has(key) || windows.includes(key)) final.set(key, entry.value)
    else leftBehind.push(key)
  }
  for (const [key, value] of spec.configs ?? []) final.set(key, value)

  const protective = new Map(final)
  protective.set('cleanup.policy', 'delete')
  protective.set('compression.type', 'producer')
  protective.set('message.timestamp.type', 'CreateTime')
  for (const key of windows) protective.set(key, OPEN)
  protective.set('retention.bytes', '-1')
  const retentions = [
    effective(source, 'retention.ms'),
    final.get('retention.ms') ?? targetDefault(target, 'retention.ms'),
  ] as const
  const age = oldestAge(source, now)
  protective.set('retention.ms', protectiveRetention(...retentions, inWholeDays(age)))
  const messageBytes = largest([
    effective(source, 'max.message.bytes'),
    final.get('max.message.bytes'),
    targetDefault(target, 'max.message.bytes'),
  ])
  if (messageBytes !== undefined) protective.set('max.message.bytes', String(messageBytes))
  return {
    final: sorted(final),
    protective: sorted(protective),
    shortest: shortestRetention(...retentions, age),
    leftBehind: leftBehind.sort(),
  }
}

/** Configs under which the target would delete, once they are final, what the source keeps: `retention.ms=86400000`. */
export const keepsLess = (
  { final }: Pick<TopicConfigs, 'final'>,
  source: ObservedTopic,
  target: ObservedSide,
): readonly string[] => {
  const valueThen = (key: string) => final.get(key) ?? targetDefault(target, key)
  const less = RETENTIONS.filter((key) => {
    const [here, there] = [effective(source, key), valueThen(key)]
    return here !== undefined && there !== undefined && isLess(there, here)
  })
  const compacts =
    valueThen('cleanup.policy')?.includes('compact') === true &&
    effective(source, 'cleanup.policy')?.includes('compact') === false
  return [
    ...less.map((key) => `${key}=${valueThen(key)}`),
    ...(compacts ? [`cleanup.policy=${valueThen('cleanup.policy')}`] : []),
  ]
}

const RETENTIONS = ['retention.ms', 'retention.bytes'] as const

/** -1 is for ever. */
export const isLess = (one: string, other: string): boolean =>
  one !== '-1' && (other === '-1' || BigInt(one) < BigInt(other))

const sorted = (map: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)))

/**
 * What to change so that the overrides `now` become `wanted` for the keys that Ferry has a say in. Null removes an override.
 * Keys that neither side of Ferry names are somebody else's and stay. Overrides alone are compared: a value that holds by default is no
 * difference, and a wanted one is set even where it is the default's, or it would change with that.
 */
export const configChanges = (
  now: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  ours: Iterable<string>,
  /** The shortest `retention.ms` that may stay; undefined: it must be the one that is wanted. */
  shortest?: string,
): { readonly set: Record<string, string | null>; readonly was: Record<string, string | null> } => {
  const set: Record<string, string | null> = {}
  const was: Record<string, string | null> = {}
  for (const key of [...new Set([...ours, ...wanted.keys()])].sort()) {
    const next = wanted.get(key) ?? null
    const before = now.get(key) ?? null
    if (next === before || (shortest !== undefined && keepsLonger(key, before, shortest))) continue
    set[key] = next
    was[key] = before
  }
  return { set, was }
}

/** A protective retention that is long enough needs no change: what counts is that the target does not delete first. */
const keepsLonger = (key: string, now: string | null, shortest: string): boolean =>
  key === 'retention.ms' && now !== null && !isLess(now, shortest)

/** The overrides that a topic has now. */
export const overrides = (topic: ObservedTopic): ReadonlyMap<string, string> => {
  const map = new Map<string, string>()
  for (const [key, entry] of topic.configs ?? []) {
    if (entry.isOverride && entry.value !== null) map.set(key, entry.value)
  }
  return map
}
