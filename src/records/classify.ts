import {
  ATTRIBUTES,
  attributes,
  baseOffset,
  batchBytes,
  CODECS,
  crcMatches,
  lastOffsetDelta,
  magic,
  recordCount,
} from './batch.ts'

/**
 * Why a batch cannot be sent as it is. The first that applies is given, in this order, because no field means anything before
 * the format is known and the CRC fits:
 *
 * - `old-format`, `unknown-magic`: not a v2 batch.
 * - `crc-mismatch`: damaged on disk or on the way.
 * - `malformed`: counts that contradict each other.
 * - `unknown-attributes`: a codec or bit that this version does not know.
 * - `control`: a transaction marker; `transactional`: records of a transaction.
 * - `empty`: a header that a cleaner kept for its producer state.
 * - `overlaps`: it begins below the next expected offset (a Fetch from the middle of a batch; `lastOffset` says how far it reaches).
 * - `holes`: fewer records than offsets, or offsets missing before it.
 * - `log-append-time`: the target refuses it as a produced batch.
 * - `delete-horizon`: the target would expire tombstones by the source's clock.
 * - `too-large`: larger than the target takes.
 */
export const RE_ENCODE_REASONS = [
  'old-format',
  'unknown-magic',
  'crc-mismatch',
  'malformed',
  'unknown-attributes',
  'control',
  'transactional',
  'empty',
  'overlaps',
  'holes',
  'log-append-time',
  'delete-horizon',
  'too-large',
] as const

/** One of {@link RE_ENCODE_REASONS}. */
export type ReEncodeReason = (typeof RE_ENCODE_REASONS)[number]

/** What {@link classify} judges by. Reuse the object: one call per batch. */
export interface ClassifyLimits {
  /** The source offset after everything mirrored or read so far. */
  readonly expectedNext: number
  /** The target's `max.message.bytes`. */
  readonly maxBytes: number
}

/**
 * Whether the batch at `at` may be sent to the target with nothing but its header changed. Reads the header and checks the
 * CRC; looks at no record. The caller has seen that the whole batch is there (`nextBatch` said `batch`, `old-format` or
 * `unknown-magic`). Rules: `LogValidator` and `UnifiedLog.analyzeAndValidateRecords` of the broker. Throws OffsetTooLarge.
 */
export const classify = (
  buf: Buffer,
  at: number,
  limits: ClassifyLimits,
): 'pass-through' | ReEncodeReason => {
  const format = magic(buf, at)
  if (format !== 2) return format < 2 ? 'old-format' : 'unknown-magic'
  const length = batchBytes(buf, at)
  if (!crcMatches(buf, at, length)) return 'crc-mismatch'
  const count = recordCount(buf, at)
  const lastDelta = lastOffsetDelta(buf, at)
  if (count < 0 || lastDelta < 0 || lastDelta < count - 1) return 'malformed'
  const bits = attributes(buf, at)
  // Almost every batch: no bit but the codec's.
  if (bits !== 0) {
    if (bits & ATTRIBUTES.unknownMask || (bits & ATTRIBUTES.codecMask) >= CODECS.length) {
      return 'unknown-attributes'
    }
    if (bits & ATTRIBUTES.control) return 'control'
    if (bits & ATTRIBUTES.transactional) return 'transactional'
  }
  if (count === 0) return 'empty'
  const base = baseOffset(buf, at)
  if (base < limits.expectedNext) return 'overlaps'
  if (base > limits.expectedNext || lastDelta !== count - 1) return 'holes'
  if (bits & ATTRIBUTES.logAppendTime) return 'log-append-time'
  if (bits & ATTRIBUTES.deleteHorizon) return 'delete-horizon'
  if (length > limits.maxBytes) return 'too-large'
  return 'pass-through'
}
