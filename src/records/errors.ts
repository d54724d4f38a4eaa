/** Why a batch cannot be read. Closed: a caller may switch over it. */
export const MALFORMED_REASONS = [
  'truncated',
  'bad-length',
  'bad-varint',
  'record-count',
  'record-length',
  'offset-delta',
  'not-magic-2',
  'unknown-codec',
  'bad-compression',
  'decompressed-too-large',
  'not-control',
] as const

/** One of {@link MALFORMED_REASONS}. */
export type MalformedReason = (typeof MALFORMED_REASONS)[number]

/**
 * Bytes that are no valid v2 batch. Every reader of this folder throws this and nothing else, whatever it is fed: it never
 * hangs, never reads outside of the batch. The caller knows topic, partition and offset and turns it into a diagnostic.
 */
export class MalformedBatch extends Error {
  readonly reason: MalformedReason

  constructor(reason: MalformedReason, detail: string, options?: { readonly cause?: unknown }) {
    super(`${reason}: ${detail}`, options)
    this.name = 'MalformedBatch'
    this.reason = reason
  }
}

/**
 * An offset outside of 0 to 2^53 - 1. Offsets are plain numbers here because they are read for every batch; a log would need
 * a million records a second for 285 years to get there, so one that does is corrupt, and rounding it would skip records.
 */
export class OffsetTooLarge extends RangeError {
  constructor(offset: bigint) {
    super(`offset ${offset} is outside of 0 to 2^53 - 1`)
    this.name = 'OffsetTooLarge'
  }
}
