import { createHash, hash } from 'node:crypto'

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

/**
 * The text of the file that holds a value, {@link canonicalJson} and a newline, in pieces of 64 KiB or a little more: a large plan has 70 MB
 * of it, which nobody needs at once.
 */
export function* canonicalFile(value: unknown): Generator<string> {
  let piece = ''
  for (const part of partsOf(value, null)) {
    piece += part
    if (piece.length < PIECE) continue
    yield piece
    piece = ''
  }
  yield `${piece}\n`
}

const PIECE = 64 * 1024

/** SHA-256 of a text's UTF-8 bytes, in hex. */
export const sha256 = (text: string): string => hash('sha256', text, 'hex')

/** SHA-256 of the file that holds the value: {@link canonicalFile}. The digest of a plan names it. */
export const digestOf = (value: unknown): string => {
  const digest = createHash('sha256')
  for (const piece of canonicalFile(value)) digest.update(piece, 'utf8')
  return digest.digest('hex')
}

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
    case 'object': {
      if (value === null) return 'null'
      const [open, close] = brackets(value)
      const inner = newline && `${newline}  `
      let text = ''
      for (const [key, member] of membersOf(value, place)) {
        text += text === '' ? inner : `,${inner}`
        text += label(key, newline) + write(member, inner, within(place, key))
      }
      return text === '' ? open + close : open + text + newline + close
    }
    default:
      throw refused(typeof value, place)
  }
}

/** How deep a text is cut into parts: a plan is an object with lists of what there may be many of. */
const CUT_DEPTH = 2

/** What {@link write} writes with an indent, one by one down to {@link CUT_DEPTH}. */
function* partsOf(value: unknown, place: Place | null, newline = '\n'): Generator<string> {
  if (typeof value !== 'object' || value === null || (place?.depth ?? 0) >= CUT_DEPTH) {
    yield write(value, newline, place)
    return
  }
  const [open, close] = brackets(value)
  const inner = `${newline}  `
  let isEmpty = true
  for (const [key, member] of membersOf(value, place)) {
    yield (isEmpty ? open : ',') + inner + label(key, newline)
    yield* partsOf(member, within(place, key), inner)
    isEmpty = false
  }
  yield isEmpty ? open + close : newline + close
}

const brackets = (value: object): readonly [open: string, close: string] =>
  Array.isArray(value) ? ['[', ']'] : ['{', '}']

const label = (key: string | number, newline: string): string =>
  typeof key === 'number' ? '' : JSON.stringify(key) + (newline ? ': ' : ':')

/** The members of an object in their order, with their keys; the items of an array with their places. */
const membersOf = (
  value: object,
  place: Place | null,
): readonly (readonly [key: string | number, member: unknown])[] => {
  if ((place?.depth ?? 0) >= MAX_DEPTH) {
    throw new TypeError(`a cycle at ${pointerTo(place).slice(0, 60)} has no canonical JSON`)
  }
  if (Array.isArray(value)) return value.map((item, i) => [i, item] as const)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(`a ${value.constructor?.name ?? 'class instance'}`, place)
  }
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

const refused = (what: string, place: Place | null): TypeError =>
  new TypeError(`${what} at ${pointerTo(place) || '/'} has no canonical JSON`)
