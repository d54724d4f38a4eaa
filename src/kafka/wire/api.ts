import type { ApiName } from '../cluster.ts'
import type { Decoder } from './decoder.ts'
import type { Encoder } from './encoder.ts'

/**
 * One request of Kafka's protocol: the versions that we can write and read, and how.
 * The version that is sent is the highest one that the broker announced too (ApiVersions), never another: a broker that does not know
 * a version closes the connection without a word.
 */
export interface Api<Request, Answer> {
  readonly name: ApiName
  readonly key: number
  /** Lowest and highest version of ours. */
  readonly versions: readonly [number, number]
  /** The first flexible version (KIP-482): request header v2, response header v1, compact types. */
  readonly flexibleFrom: number
  encode(to: Encoder, request: Request, version: number): void
  decode(from: Decoder, version: number): Answer
}

/** For APIs whose flexible versions we do not speak. */
export const NEVER_FLEXIBLE = 32_767

/** One Kafka error code with the broker's own words, if it sent any. 0 is none. */
export interface CodeAndMessage {
  readonly code: number
  readonly message: string | null
}
