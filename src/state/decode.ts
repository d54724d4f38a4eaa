/**
 * From untrusted JSON to domain types, strictly: a missing or unknown key, a wrong type, a number where digits belong are all refused
 * with the place. A table of fields is checked by the compiler against its type: a field added there and forgotten here does not compile.
 */

/** Thrown by decoders; whoever knows the file turns it into a diagnostic. */
export class Malformed extends Error {
  /** JSON pointer of the value that is wrong. */
  readonly pointer: string
  constructor(pointer: string, wrong: string) {
    super(`${pointer || '/'}: ${wrong}`)
    this.name = 'Malformed'
    this.pointer = pointer
  }
}

export type Decoder<T> = (value: unknown, pointer: string) => T

interface OptionalField<T> {
  readonly optional: Decoder<T>
}

type Fields<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K>
    ? OptionalField<Required<T>[K]>
    : Decoder<T[K]>
}

/** What was found, short enough for a message. */
const shown = (value: unknown): string => {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const expected = (what: string, value: unknown, pointer: string): Malformed =>
  new Malformed(pointer, `expected ${what}, found ${shown(value)}`)

/** Also for branded strings: the record was written by Ferry, its brand is checked by where it stands. */
export const text = <T extends string>(value: unknown, pointer: string): T => {
  if (typeof value !== 'string') throw expected('a string', value, pointer)
  return value as T
}

export const integer: Decoder<number> = (value, pointer) => {
  if (!Number.isSafeInteger(value)) throw expected('an integer', value, pointer)
  return value as number
}

export const count: Decoder<number> = (value, pointer) => {
  if (integer(value, pointer) < 0) throw expected('an integer from 0', value, pointer)
  return value as number
}

export const flag: Decoder<boolean> = (value, pointer) => {
  if (typeof value !== 'boolean') throw expected('true or false', value, pointer)
  return value
}

const DIGITS = /^(0|-?[1-9][0-9]*)$/

/** A bigint (an offset, a producer id) as decimal digits in a string. */
export const digits = <T extends bigint>(value: unknown, pointer: string): T => {
  if (typeof value !== 'string' || !DIGITS.test(value)) {
    throw expected('decimal digits in a string', value, pointer)
  }
  return BigInt(value) as T
}

/** ISO 8601 in UTC, as `Date.toISOString` writes it. */
export const instant: Decoder<string> = (value, pointer) => {
  const at = text(value, pointer)
  if (Number.isNaN(Date.parse(at))) throw expected('a date and time', value, pointer)
  return at
}

export const oneOf =
  <const T extends string | number>(...allowed: readonly T[]): Decoder<T> =>
  (value, pointer) => {
    if (!allowed.includes(value as T)) {
      throw expected(allowed.map((a) => JSON.stringify(a)).join(' or '), value, pointer)
    }
    return value as T
  }

export const nullable =
  <T>(decode: Decoder<T>): Decoder<T | null> =>
  (value, pointer) =>
    value === null ? null : decode(value, pointer)

export const listOf =
  <T>(decode: Decoder<T>): Decoder<readonly T[]> =>
  (value, pointer) => {
    if (!Array.isArray(value)) throw expected('a list', value, pointer)
    return value.map((item, i) => decode(item, `${pointer}/${i}`))
  }

export const optional = <T>(decode: Decoder<T>): OptionalField<T> => ({ optional: decode })

export const members = (value: unknown, pointer: string): Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw expected('an object', value, pointer)
  }
  return value as Record<string, unknown>
}

/** An object whose keys are data. */
export const mapOf =
  <K extends string, V>(decode: Decoder<V>): Decoder<ReadonlyMap<K, V>> =>
  (value, pointer) =>
    new Map(
      Object.entries(members(value, pointer)).map(([key, member]) => [
        key as K,
        decode(member, `${pointer}/${key}`),
      ]),
    )

/** An object with exactly these fields. */
export const objectOf =
  <T extends object>(fields: Fields<T>): Decoder<T> =>
  (value, pointer) => {
    const given = members(value, pointer)
    for (const key of Object.keys(given)) {
      if (!Object.hasOwn(fields, key)) throw new Malformed(`${pointer}/${key}`, 'unknown key')
    }
    const result: Record<string, unknown> = {}
    for (const [key, field] of Object.entries(fields) as [string, unknown][]) {
      const present = Object.hasOwn(given, key)
      if (isOptional(field)) {
        if (present) result[key] = field.optional(given[key], `${pointer}/${key}`)
      } else {
        if (!present) throw new Malformed(`${pointer}/${key}`, 'missing')
        result[key] = (field as Decoder<unknown>)(given[key], `${pointer}/${key}`)
      }
    }
    return result as T
  }

const isOptional = (field: unknown): field is OptionalField<unknown> =>
  typeof field === 'object' && field !== null && 'optional' in field
