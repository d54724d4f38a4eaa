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

/** What a broker reads a topic config as (LogConfig.java of Apache Kafka 2.8 to 4.x). All others that are known are whole numbers. */
const NOT_WHOLE: ReadonlyMap<string, 'list' | 'switch' | 'ratio' | 'text'> = new Map([
  ['cleanup.policy', 'list'],
  ['compression.type', 'text'],
  ['message.downconversion.enable', 'switch'],
  ['message.timestamp.type', 'text'],
  ['min.cleanable.dirty.ratio', 'ratio'],
  ['preallocate', 'switch'],
  ['remote.log.copy.disable', 'switch'],
  ['remote.log.delete.on.disable', 'switch'],
  ['remote.storage.enable', 'switch'],
  ['unclean.leader.election.enable', 'switch'],
])

/** Undefined: nobody here knows the key. */
export const typeOfTopicConfig = (
  key: string,
): 'whole' | 'list' | 'switch' | 'ratio' | 'text' | undefined =>
  NOT_WHOLE.get(key) ?? (KNOWN_TOPIC_CONFIGS.includes(key) ? 'whole' : undefined)

/**
 * A topic config as a broker answers it: `7d` of a `.ms` key is `604800000`, `0.50` is `0.5`, `compact, delete` is `compact,delete`. Brokers
 * take all that ConfigDef.parseType can read, but answer what ConfigDef.convertToString writes: as typed, it would differ for ever. Units
 * are read only where the key says what is counted, since `7d` is a legal value of nothing else. `source` is how a number is written:
 * `9223372036854775807` does not survive as a number. Undefined: the value cannot be what the key takes.
 */
export const normaliseTopicConfig = (
  key: string,
  value: RawConfigValue,
  source: string | undefined,
): string | undefined => {
  const written = typeof value === 'number' ? (source ?? String(value)) : String(value).trim()
  switch (typeOfTopicConfig(key)) {
    case 'whole':
      return wholeNumber(key, value, written)
    case 'list':
      return written.split(/\s*,\s*/).join(',')
    case 'switch':
      return /^(true|false)$/i.test(written) ? written.toLowerCase() : undefined
    case 'ratio':
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written)
        ? asJavaWrites(Number(written))
        : undefined
    case 'text':
      return written
    default:
      return unknownConfig(key, value, written)
  }
}

const wholeNumber = (key: string, value: RawConfigValue, written: string): string | undefined => {
  if (/^[+-]?\d+$/.test(written)) return String(BigInt(written.replace('+', '')))
  if (typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined
  const amount = isTime(key) ? parseDuration(written) : isSize(key) ? parseSize(written) : undefined
  return amount === undefined ? undefined : String(amount)
}

/** The target decides what it is: only units are read. */
const unknownConfig = (key: string, value: RawConfigValue, written: string): string | undefined => {
  if (/^-?\d+$/.test(written)) return written
  if (isTime(key) || isSize(key)) return wholeNumber(key, value, written)
  if (typeof value !== 'number') return written
  if (!Number.isFinite(value)) return undefined
  return /^-?\d+\.\d+$/.test(written) ? written : String(value)
}

const isTime = (key: string): boolean => /(^|\.)ms$/.test(key)
const isSize = (key: string): boolean => /(^|\.)bytes$/.test(key)

/** As Double.toString: at least one digit behind the point, and with an exponent below 0.001 and from 10,000,000 on. */
const asJavaWrites = (value: number): string | undefined => {
  if (!Number.isFinite(value)) return undefined
  const size = Math.abs(value)
  if (size === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [digits = '', exponent] = (
    size >= 0.001 && size < 10_000_000 ? String(value) : value.toExponential()
  ).split('e')
  const padded = digits.includes('.') ? digits : `${digits}.0`
  return exponent === undefined ? padded : `${padded}E${Number(exponent)}`
}
