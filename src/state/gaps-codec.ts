import { canonicalLine, sha256 } from '../domain/canonical-json.ts'
import type { TopicName } from '../domain/ids.ts'
import type { GapList } from '../domain/offset-index.ts'
import type { GapChunk } from '../domain/partition-progress.ts'
import {
  count,
  digits,
  flag,
  integer,
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

type Stored = Omit<GapChunk, 'gaps' | 'generation'> & {
  readonly gaps: string
  readonly generation?: number
}

/** Of chunks that a version wrote which did not say. */
const UNKNOWN_GENERATION = -1

const decode = objectOf<Stored>({
  topic: text<TopicName>,
  partition: count,
  way: optional(oneOf('reverse')),
  producerId: digits,
  generation: optional(integer),
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
    const { generation = UNKNOWN_GENERATION, gaps, ...chunk } = decode(content, '')
    if (checksum !== checksumOf(content)) {
      throw new Malformed('/checksum', 'does not match the content, which was changed')
    }
    return { ...chunk, generation, gaps: Buffer.from(gaps, 'base64') }
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) {
      throw damaged(where, error.message, error)
    }
    throw error
  }
}

/**
 * Puts chunks together, in the order in which they were stored; those of an older mark, of a tenure that was over, or of a holder before the one
 * whose whole chunk was the last, do not count.
 */
export class GapsReader {
  readonly #into: GapList
  readonly #producerId: bigint
  #tenure: string | undefined
  #generation = Number.NEGATIVE_INFINITY

  constructor(into: GapList, producerId: bigint) {
    this.#into = into
    this.#producerId = producerId
  }

  /** Throws FERRY1402 naming `where`. */
  take(chunk: GapChunk, where: string): void {
    if (chunk.producerId !== this.#producerId) return
    if (chunk.generation < this.#generation) return
    if (chunk.isWhole) {
      this.#generation = chunk.generation
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

/** For whoever begins a tenure under a generation that is too low: nobody would count what it stores. */
export const lateGaps = ({ topic, partition, generation }: GapChunk, later: number): Error =>
  new Error(
    `gaps of ${topic}:${partition} are stored by holder ${later} already; holder ${generation} comes too late`,
  )

/** For whoever adds to a whole chunk that is not there any more: nobody would count what it stores. It has to store a whole one. */
export const unfoundedGaps = ({ topic, partition, generation }: GapChunk): Error =>
  new Error(
    `what holder ${generation} stored of the gaps of ${topic}:${partition} is not there any more, by another holder or ferry state push; it has to store all of them`,
  )
