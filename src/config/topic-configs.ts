import { CARRIED_TOPIC_CONFIGS, OTHER_TOPIC_CONFIGS } from '../domain/topic-config-names.ts'
import { parseDuration } from './durations.ts'
import { parseSize } from './sizes.ts'

/** What plain YAML may hold as a topic config. */
export type RawConfigValue = string | number | boolean

/** Topic configs that must not be set on the target, with the reason. */
const NEVER_SET: ReadonlyMap<string, string> = new Map([
  [
    'message.format.version',
    'brokers of Kafka 4 do not know it, and earlier ones would convert every record',
  ],
  [
    'leader.replication.throttled.replicas',
    'it names brokers of one cluster and is set by reassignments',
  ],
  [
    'follower.replication.throttled.replicas',
    'it names brokers of one cluster and is set by reassignments',
  ],
])

/** Why a topic config may not be set; undefined if it may. */
export const whyNeverSet = (key: string): string | undefined => NEVER_SET.get(key)

/** For spelling help only: the target decides what it knows. */
export const KNOWN_TOPIC_CONFIGS: readonly string[] = [
  ...CARRIED_TOPIC_CONFIGS,
  ...OTHER_TOPIC_CONFIGS,
]

/**
 * A topic config as a broker stores it: `7d` of a `.ms` key is `604800000`. Units are read only where the key says what is
 * counted, since `7d` is a legal value of nothing else. `source` is how a number is written: `9223372036854775807` does not
 * survive as a number. Undefined: the value cannot be what the key takes.
 */
export const normaliseTopicConfig = (
  key: string,
  value: RawConfigValue,
  source: string | undefined,
): string | undefined => {
  const written = typeof value === 'number' ? (source ?? String(value)) : String(value).trim()
  const isTime = /(^|\.)ms$/.test(key)
  const isSize = /(^|\.)bytes$/.test(key)
  if (/^-?\d+$/.test(written)) return written
  if (isTime || isSize) {
    if (typeof value === 'boolean') return undefined
    if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined
    const amount = isTime ? parseDuration(written) : parseSize(written)
    return amount === undefined ? undefined : String(amount)
  }
  if (typeof value !== 'number') return written
  if (!Number.isFinite(value)) return undefined
  return /^-?\d+\.\d+$/.test(written) ? written : String(value)
}
