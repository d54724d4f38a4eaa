import { createHash, hash } from 'node:crypto'

/**
 * Canonical JSON: one text for one value, so that a digest names it and a diff of two plans shows what changed and nothing else.
 * Keys are sorted by code unit, a bigint becomes its decimal digits in quotes, a key whose value is undefined is left out.
 * Only plain data is accepted: a Map, a Date, a Secret or NaN is a mistake of the caller and throws, because what JSON would
 * silently make of them (`{}`, `null`, a mask) must never be hashed or stored.
 */

/** With two-space indent, for files that people review. No newline at the end. */
export const canonicalJson = (value: unknown): string => write(value, '\n', [])

/** On one line, without a newline, for journals and digests. */
export const canonicalLine = (value: unknown): string => write(value, '', [])

/**
 * The text of the file that holds a value, {@link canonicalJson} and a newline, in pieces of 64 KiB or a little more: a large plan has 70 MB
 * of it, which nobody needs at once. `depth` says how deep it is cut: a plan is an object with lists of what there may be many of.
 */
export function* canonicalFile(value: unknown, depth = 2): Generator<string> {
  let piece = ''
  for (const part of partsOf(value, [], depth)) {
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

/** Where a value stands: the keys that lead to it. One for a whole text, since a large plan has a million values. */
type Path = (string | number)[]

const pointerTo = (path: Path): string => path.map((key) => `/${key}`).join('')

/** `newline` is `''` for one line, else a line break followed by the indent of the value that is being written. */
const write = (value: unknown, newline: string, path: Path): string => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'bigint':
      return `"${value}"`
    case 'number':
      if (!Number.isFinite(value)) throw refused(String(value), path)
      return JSON.stringify(value)
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value)
        ? writeArray(value, newline, path)
        : writeObject(value, newline, path)
    default:
      throw refused(typeof value, path)
  }
}

const writeArray = (items: readonly unknown[], newline: string, path: Path): string => {
  refuseCycle(path)
  const inner = newline && `${newline}  `
  let text = ''
  for (let i = 0; i < items.length; i++) {
    path.push(i)
    text += (i === 0 ? inner : `,${inner}`) + write(items[i], inner, path)
    path.pop()
  }
  return text === '' ? '[]' : `[${text}${newline}]`
}

const writeObject = (value: object, newline: string, path: Path): string => {
  const inner = newline && `${newline}  `
  let text = ''
  for (const key of keysOf(value, path)) {
    path.push(key)
    const member = write((value as Record<string, unknown>)[key], inner, path)
    path.pop()
    text += (text === '' ? inner : `,${inner}`) + label(key, newline) + member
  }
  return text === '' ? '{}' : `{${text}${newline}}`
}

/** What {@link write} writes with an indent, one by one down to a depth. */
function* partsOf(value: unknown, path: Path, depth: number, newline = '\n'): Generator<string> {
  if (typeof value !== 'object' || value === null || path.length >= depth) {
    yield write(value, newline, path)
    return
  }
  const isList = Array.isArray(value)
  const keys = isList ? value.keys() : keysOf(value, path)
  const inner = `${newline}  `
  const [open, close] = isList ? ['[', ']'] : ['{', '}']
  let isEmpty = true
  for (const key of keys) {
    yield (isEmpty ? open : ',') + inner + (typeof key === 'number' ? '' : label(key, newline))
    path.push(key)
    yield* partsOf((value as Record<string | number, unknown>)[key], path, depth, inner)
    path.pop()
    isEmpty = false
  }
  yield isEmpty ? open + close : newline + close
}

const label = (key: string, newline: string): string => JSON.stringify(key) + (newline ? ': ' : ':')

/** The keys of an object whose values are there, by code unit, as `sort` compares. */
const keysOf = (value: object, path: Path): readonly string[] => {
  refuseCycle(path)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(`a ${value.constructor?.name ?? 'class instance'}`, path)
  }
  const keys: string[] = []
  let isSorted = true
  for (const key of Object.keys(value)) {
    if ((value as Record<string, unknown>)[key] === undefined) continue
    isSorted &&= keys.length === 0 || keys[keys.length - 1]! < key
    keys.push(key)
  }
  return isSorted ? keys : keys.sort()
}

const refuseCycle = (path: Path): void => {
  if (path.length < MAX_DEPTH) return
  throw new TypeError(`a cycle at ${pointerTo(path).slice(0, 60)} has no canonical JSON`)
}

const refused = (what: string, path: Path): TypeError =>
  new TypeError(`${what} at ${pointerTo(path) || '/'} has no canonical JSON`)
