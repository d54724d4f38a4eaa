import { canonicalLine, sha256 } from '../domain/canonical-json.ts'
import type { TopicName } from '../domain/ids.ts'
import type { GapList } from '../domain/offset-index.ts'
import type { GapChunk } from '../domain/partition-progress.ts'
import {
  count,
  digits,
  flag,
  Malformed,
  members,
  objectOf,
  oneOf,
  optional,
  text,
} from './decode.ts'
import { damaged } from './records.ts'

/** Enough against a flipped bit: a line is short, and nobody forges one. */
const CHECKSUM_DIGITS = 16

const checksumOf = (content: object): string =>
  sha256(canonicalLine(content)).slice(0, CHECKSUM_DIGITS)

const decode = objectOf<Omit<GapChunk, 'gaps'> & { readonly gaps: string }>({
  topic: text<TopicName>,
  partition: count,
  way: optional(oneOf('reverse')),
  producerId: digits,
  tenure: text,
  isWhole: flag,
  from: digits,
  gaps: text,
})

/** A chunk as one line, without its end. */
export const encodeChunk = (chunk: GapChunk): string => {
  const content = { ...chunk, gaps: Buffer.from(chunk.gaps).toString('base64') }
  return canonicalLine({ ...content, checksum: checksumOf(content) })
}

/** Throws FERRY1402 naming `where`. */
export const decodeChunk = (line: string, where: string): GapChunk => {
  try {
    const { checksum, ...content } = members(JSON.parse(line), '')
    const chunk = decode(content, '')
    if (checksum !== checksumOf(content)) {
      throw new Malformed('/checksum', 'does not match the content, which was changed')
    }
    return { ...chunk, gaps: Buffer.from(chunk.gaps, 'base64') }
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) {
      throw damaged(where, error.message, error)
    }
    throw error
  }
}

/** Puts chunks together, in the order in which they were stored; those of an older mark, or of a tenure that was over, do not count. */
export class GapsReader {
  readonly #into: GapList
  readonly #producerId: bigint
  #tenure: string | undefined

  constructor(into: GapList, producerId: bigint) {
    this.#into = into
    this.#producerId = producerId
  }

  /** Throws FERRY1402 naming `where`. */
  take(chunk: GapChunk, where: string): void {
    if (chunk.producerId !== this.#producerId) return
    if (chunk.isWhole) {
      this.#tenure = chunk.tenure
      this.#into.truncate(0)
    } else if (chunk.tenure !== this.#tenure) return
    try {
      this.#into.readInto(Number(chunk.from), chunk.gaps)
    } catch (error) {
      if (error instanceof RangeError) throw damaged(where, error.message, error)
      throw error
    }
  }
}
