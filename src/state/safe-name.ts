import { sha256 } from '../domain/canonical-json.ts'

/** File names end at 255 bytes on every common file system; a topic name alone may take 249. */
const MAX_LENGTH = 150

/**
 * A file name for any text, different for different texts even where the file system ignores case (macOS, Windows): an upper-case
 * letter becomes `~` and the lower-case one, anything unusual `%` and its bytes in hex. A long name is cut and ends in its digest.
 */
export const safeName = (name: string): string => {
  const escaped = name.replace(/[^a-z0-9._-]/gu, escapeChar).replace(/^\./, '%2e')
  return escaped.length <= MAX_LENGTH
    ? escaped
    : `${escaped.slice(0, MAX_LENGTH)}~~${sha256(name).slice(0, 16)}`
}

const escapeChar = (char: string): string =>
  /[A-Z]/.test(char)
    ? `~${char.toLowerCase()}`
    : [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
