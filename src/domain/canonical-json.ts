import { createHash } from 'node:crypto'

/**
 * Canonical JSON: one text for one value, so that a digest names it and a diff of two plans shows what changed and nothing else.
 * Keys are sorted by code unit, a bigint becomes its decimal digits in quotes, a key whose value is undefined is left out.
 * Only plain data is accepted: a Map, a Date, a Secret or NaN is a mistake of the caller and throws, because what JSON would
 * silently make of them (`{}`, `null`, a mask) must never be hashed or stored.
 */

/** With two-space indent, for files that people review. No newline at the end. */
export const canonicalJson = (value: unknown): string => write(value, '\n', null)

/** On one line, without a newline, for journals and digests. */
export const canonicalLine = (value: unknown): string => write(value, '', null)

/** SHA-256 of a text's UTF-8 bytes, in hex. */
export const sha256 = (text: string): string =>
  createHash('sha256').update(text, 'utf8').digest('hex')

/** SHA-256 of the file that holds the value: {@link canonicalJson} and a newline. The digest of a plan names it. */
export const digestOf = (value: unknown): string => sha256(`${canonicalJson(value)}\n`)

/** Deeper than anything Ferry stores; what is deeper is a cycle. */
const MAX_DEPTH = 200

/** Where a value stands; spelled out only for an error, since a large plan has a million of them. */
interface Place {
  readonly parent: Place | null
  readonly key: string | number
  readonly depth: number
}

const within = (parent: Place | null, key: string | number): Place => ({
  parent,
  key,
  depth: (parent?.depth ?? 0) + 1,
})

const pointerTo = (place: Place | null): string =>
  place === null ? '' : `${pointerTo(place.parent)}/${place.key}`

/** `newline` is `''` for one line, else a line break followed by the indent of the value that is being written. */
const write = (value: unknown, newline: string, place: Place | null): string => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'bigint':
      return `"${value}"`
    case 'number':
      if (!Number.isFinite(value)) throw refused(String(value), place)
      return JSON.stringify(value)
    case 'object':
      return value === null ? 'null' : writeMembers(value, newline, place)
    default:
      throw refused(typeof value, place)
  }
}

const writeMembers = (value: object, newline: string, place: Place | null): string => {
  if ((place?.depth ?? 0) >= MAX_DEPTH) {
    throw new TypeError(`a cycle at ${pointerTo(place).slice(0, 60)} has no canonical JSON`)
  }
  const inner = newline && `${newline}  `
  if (Array.isArray(value)) {
    const items = value.map((item, i) => write(item, inner, within(place, i)))
    return enclose('[', items, ']', newline)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(`a ${value.constructor?.name ?? 'class instance'}`, place)
  }
  const colon = newline ? ': ' : ':'
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => JSON.stringify(key) + colon + write(member, inner, within(place, key)))
  return enclose('{', members, '}', newline)
}

const enclose = (
  open: string,
  items: readonly string[],
  close: string,
  newline: string,
): string => {
  if (items.length === 0) return open + close
  const inner = newline && `${newline}  `
  return open + inner + items.join(`,${inner}`) + newline + close
}

const refused = (what: string, place: Place | null): TypeError =>
  new TypeError(`${what} at ${pointerTo(place) || '/'} has no canonical JSON`)
