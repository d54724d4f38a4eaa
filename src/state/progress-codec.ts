import type { Diagnostic, DiagnosticCode, Place } from '../domain/diagnostic.ts'
import { CODES } from '../domain/diagnostic-codes.ts'
import type { Heard } from '../domain/heard.ts'
import { type Divergence, GapList } from '../domain/offset-index.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import { STATE_FORMAT_VERSION } from '../domain/state.ts'
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

const code =
  (where: string): Decoder<DiagnosticCode> =>
  (value, pointer) => {
    const given = text(value, pointer)
    if (!/^FERRY[0-9]{4}$/.test(given)) throw new Malformed(pointer, `${given} is not a code`)
    if (!Object.hasOwn(CODES, given)) throw newerFormat(where, `with the unknown code ${given}`)
    return given as DiagnosticCode
  }

/** As stored: the gaps have a place of their own, and what identical offsets ended at is only there if they did. */
type Stored = Omit<PartitionProgress, 'gaps' | 'diverged'> & {
  readonly diverged?: Divergence
}

const progress = (where: string): Decoder<Stored> =>
  objectOf<Stored>({
    formatVersion: oneOf(STATE_FORMAT_VERSION),
    topic: text,
    partition: count,
    way: optional(oneOf('reverse')),
    producerId: digits,
    checkedTo: digits,
    mirroredTo: digits,
    diverged: optional(objectOf<Divergence>({ source: digits, target: digits })),
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
    heard: optional(
      objectOf<Heard>({
        at: instant,
        to: digits,
        keptMs: count,
        isCompacted: optional(flag),
        isForgotten: optional(flag),
      }),
    ),
    holder: objectOf({ host: text<string>, pid: count, generation: integer }),
    at: instant,
  })

/** Progress of one partition as every store writes it: all but the gaps. */
export const encodeProgress = ({ gaps: _gaps, diverged, ...rest }: PartitionProgress): string =>
  encodeRecord({ ...rest, ...(diverged !== null && { diverged }) })

/** Another process. */
export const isOfOther = (
  one: PartitionProgress['holder'],
  other: PartitionProgress['holder'],
): boolean => one.host !== other.host || one.pid !== other.pid

/** Fully checked; throws FERRY1402 or FERRY1403 naming `where`. The gaps are to be filled in. */
export const decodeProgress = (source: string, where: string): PartitionProgress => {
  const { diverged = null, ...rest } = decodeRecord(source, where, progress(where))
  return { ...rest, diverged, gaps: new GapList() }
}
