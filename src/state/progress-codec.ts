import type { Diagnostic, DiagnosticCode, Place } from '../domain/diagnostic.ts'
import { CODES } from '../domain/diagnostic-codes.ts'
import type { SourceOffset } from '../domain/ids.ts'
import type { Gap } from '../domain/offset-index.ts'
import { type PartitionProgress, STATE_FORMAT_VERSION } from '../domain/state.ts'
import {
  count,
  type Decoder,
  digits,
  flag,
  instant,
  integer,
  Malformed,
  nullable,
  objectOf,
  oneOf,
  optional,
  text,
} from './decode.ts'
import { decodeRecord, encodeRecord, newerFormat } from './records.ts'

/**
 * Gaps as one string, each as its distance from the end of the one before, then `+` and its length unless that is 1:
 * `1200 100 100+3`. A transactional source has a gap for each commit, so this is about four bytes a gap instead of fifty.
 */
const encodeGaps = (gaps: readonly Gap[]): string => {
  let end = 0n
  return gaps
    .map((gap) => {
      const length = gap.to - gap.from
      const word = length === 1n ? `${gap.from - end}` : `${gap.from - end}+${length}`
      end = gap.to
      return word
    })
    .join(' ')
}

const GAP = /^([0-9]+)(?:\+([0-9]+))?$/

const decodeGaps: Decoder<readonly Gap[]> = (value, pointer) => {
  const source = text(value, pointer)
  if (source === '') return []
  let end = 0n
  return source.split(' ').map((word, i) => {
    const [, distance, length] = GAP.exec(word) ?? []
    if (distance === undefined) throw new Malformed(pointer, `gap ${i} is ${JSON.stringify(word)}`)
    const from = end + BigInt(distance)
    end = from + BigInt(length ?? 1)
    // Touching gaps are written as one, so these are not what a mirror wrote.
    if (end === from || (i > 0 && distance === '0')) {
      throw new Malformed(pointer, `gap ${i} is empty or touches the one before`)
    }
    return { from: from as SourceOffset, to: end as SourceOffset }
  })
}

const code =
  (where: string): Decoder<DiagnosticCode> =>
  (value, pointer) => {
    const given = text(value, pointer)
    if (!/^FERRY[0-9]{4}$/.test(given)) throw new Malformed(pointer, `${given} is not a code`)
    if (!Object.hasOwn(CODES, given)) throw newerFormat(where, `with the unknown code ${given}`)
    return given as DiagnosticCode
  }

const progress = (where: string): Decoder<PartitionProgress> =>
  objectOf<PartitionProgress>({
    formatVersion: oneOf(STATE_FORMAT_VERSION),
    topic: text,
    partition: count,
    producerId: digits,
    checkedTo: digits,
    mirroredTo: digits,
    gaps: decodeGaps,
    mayBeInFlight: flag,
    problem: nullable(
      objectOf<Diagnostic>({
        code: code(where),
        severity: oneOf('error', 'warning'),
        summary: text,
        detail: text,
        fix: text,
        at: optional(objectOf<Place>({ file: text, line: count, column: count, pointer: text })),
      }),
    ),
    holder: objectOf({ host: text<string>, pid: count, generation: integer }),
    at: instant,
  })

/** Progress of one partition as every store writes it. */
export const encodeProgress = (value: PartitionProgress): string =>
  encodeRecord({ ...value, gaps: encodeGaps(value.gaps) })

/** Fully checked; throws FERRY1402 or FERRY1403 naming `where`. */
export const decodeProgress = (source: string, where: string): PartitionProgress =>
  decodeRecord(source, where, progress(where))
