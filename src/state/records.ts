import { canonicalJson, canonicalLine, sha256 } from '../domain/canonical-json.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { STATE_FORMAT_VERSION } from '../domain/state.ts'
import { count, type Decoder, Malformed, members, text } from './decode.ts'
import { climb } from './format-ladder.ts'

/**
 * A stored record is an object with a `formatVersion` and a `checksum` over everything else: one flipped digit of an offset would
 * otherwise read as another, valid offset. All stores write the same text.
 */

/** The record as text; reviewable and stable. */
export const encodeRecord = (content: object): string =>
  `${canonicalJson({ ...content, checksum: checksumOf(content) })}\n`

/** `where` names the record for people: a file, or a key in a topic. */
export const decodeRecord = <T>(source: string, where: string, decode: Decoder<T>): T => {
  try {
    const { checksum, ...content } = members(parse(source), '')
    const format = count(content.formatVersion, '/formatVersion')
    if (format > STATE_FORMAT_VERSION) throw newerFormat(where, String(format))
    if (text(checksum, '/checksum') !== checksumOf(content)) {
      throw new Malformed('/checksum', 'does not match the content, which was changed')
    }
    return decode(climb(content, format), '')
  } catch (error) {
    if (error instanceof Malformed) throw damaged(where, error.message, error)
    throw error
  }
}

const checksumOf = (content: object): string => sha256(canonicalLine(content))

const parse = (source: string): unknown => {
  try {
    return JSON.parse(source)
  } catch (error) {
    throw new Malformed('', `is not JSON (${(error as Error).message})`)
  }
}

/** A record from a version of Ferry that knows more than this one. */
export const newerFormat = (where: string, what: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1403',
      detail: `${where} has format ${what}; this version of Ferry reads up to ${STATE_FORMAT_VERSION}.`,
      fix: 'Use the version of Ferry that wrote it, or a later one.',
    }),
  )

/** A record that cannot be trusted. Never answer with an empty one instead. */
export const damaged = (where: string, wrong: string, cause?: unknown): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1402',
      detail: `${where}: ${wrong}.`,
      fix: 'Restore the whole record from a backup (see ferry explain FERRY1402); do not edit it.',
    }),
    { cause },
  )

/** Somebody else wrote decisions since they were read. */
export const serialMoved = (where: string, expected: number, found: number): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1404',
      detail: `${where} is at serial ${found}, not at ${expected} as this run had read it. Nothing was overwritten.`,
      fix: 'See what the other run did (ferry status), then plan and apply again.',
    }),
  )
