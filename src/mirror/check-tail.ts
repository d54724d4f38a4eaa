import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey } from '../domain/ids.ts'
import {
  ATTRIBUTES,
  attributes,
  baseOffset,
  baseSequence,
  isOfProducer,
  lastOffset,
  maxTimestamp,
  nextBatch,
  producerEpoch,
  producerId,
  type RecordSetCursor,
  recordCount,
  recordSet,
} from '../records/index.ts'
import { foreignWrite, MARKERS_TOO_LATE } from './problems.ts'

const READ_BYTES = 4 * 1024 * 1024

/** What must be true of every batch of a target partition. */
export interface Ours {
  readonly key: PartitionKey
  readonly producerId: number
  readonly producerEpoch: number
  /** Control markers, which only identical offsets have: whether one belongs at a target offset, as a hole of the source is there. */
  readonly markers?: { readonly producerId: number; readonly isHole: (target: number) => boolean }
  /**
   * A cleaner may have been through what is read: it takes records out of a batch, and whole batches, and leaves all others their offsets and
   * sequences (`MemoryRecords.filterTo`). What others had written before one of ours still shows in its sequence.
   */
  readonly mayBeCleaned?: boolean
  /** The sequence of a batch that begins at this target offset. */
  sequenceOf(target: number): number
}

/** Reads a record set of the target from an offset. */
export type ReadLog = (key: PartitionKey, offset: number, maxBytes: number) => Promise<Buffer>

/** What {@link checkTail} found. */
export interface Tail {
  /** The first that is not ours, with its whole range. */
  readonly problem?: Diagnostic
  /** Everything below was seen to be ours. */
  readonly checkedTo: number
  /** Of the last batch; -1 if none was read. */
  readonly maxTimestamp: number
  /** A batch of records was seen whose sequence fits its place: then nobody else's lie below it, also where they cannot be read any more. */
  readonly hasRecords: boolean
  /** Markers of ours where no hole is: a request whose answer was lost wrote twice. What comes after is so much too far. */
  readonly overshoot?: { readonly from: number; readonly to: number }
}

/**
 * Reads the headers of all batches of the target from `from` to `end` and compares each with what the mirror would have written there:
 * its producer, and the sequence that belongs to the place. No record is looked at.
 */
export const checkTail = async (
  ours: Ours,
  read: ReadLog,
  range: { readonly from: number; readonly end: number },
  signal: AbortSignal,
): Promise<Tail> => {
  let at = range.from
  let latest = -1
  let hasRecords = false
  let overshoot: { readonly from: number; readonly to: number } | undefined
  let foreign: { readonly from: number; to: number; readonly who: string } | undefined
  while (at < range.end) {
    signal.throwIfAborted()
    const records = await read(ours.key, at, READ_BYTES)
    const cursor = recordSet(records)
    const before = at
    for (;;) {
      const item = nextBatch(cursor)
      if (item === 'end' || item === 'partial') break
      if (item !== 'batch') throw new Error(`${ours.key}: the target sent no v2 batch at ${at}`)
      const last = lastOffset(records, cursor.at)
      if (last < at) continue
      const isMarker = isOurMarker(ours, records, cursor.at)
      if (isMarker && (overshoot === undefined || overshoot.to === at)) {
        // One that touches those too many is one of them, also where a later hole is known: the records before it are missing.
        if (overshoot !== undefined || !ours.markers?.isHole(at)) {
          overshoot = { from: overshoot?.from ?? at, to: last + 1 }
        }
        at = last + 1
        continue
      }
      const tooFar = overshoot === undefined ? 0 : overshoot.to - overshoot.from
      const who = isMarker ? MARKERS_TOO_LATE : strangerness(ours, records, cursor, at, tooFar)
      if (foreign === undefined) {
        if (who === undefined) {
          latest = Number(maxTimestamp(records, cursor.at))
          hasRecords = true
        } else foreign = { from: Math.min(at, baseOffset(records, cursor.at)), to: last + 1, who }
      } else if (who === foreign.who) foreign.to = last + 1
      else return stop(ours.key, foreign)
      at = last + 1
    }
    // The log end was read before, so that something must be there.
    if (at === before)
      throw new Error(`${ours.key}: the target sent nothing at ${at} of ${range.end}`)
  }
  if (foreign !== undefined) return stop(ours.key, foreign)
  return {
    checkedTo: at,
    maxTimestamp: latest,
    hasRecords,
    ...(overshoot !== undefined && { overshoot }),
  }
}

const isOurMarker = (ours: Ours, buf: Buffer, at: number): boolean =>
  ours.markers !== undefined &&
  (attributes(buf, at) & ATTRIBUTES.control) !== 0 &&
  isOfProducer(buf, at, ours.markers.producerId)

const stop = (
  key: PartitionKey,
  foreign: { readonly from: number; readonly to: number; readonly who: string },
): Tail => ({
  problem: foreignWrite(key, foreign.from, foreign.to, foreign.who),
  checkedTo: foreign.from,
  maxTimestamp: -1,
  hasRecords: false,
})

/** Undefined if the batch is what the mirror would have written at `expected`; else who wrote it, for people. */
const strangerness = (
  ours: Ours,
  buf: Buffer,
  { at }: Readonly<RecordSetCursor>,
  expected: number,
  tooFar: number,
): string | undefined => {
  if (!isOfProducer(buf, at, ours.producerId)) return writerOf(buf, at)
  const base = baseOffset(buf, at)
  const places = lastOffset(buf, at) - base + 1
  const isWhole = base <= expected && places === recordCount(buf, at)
  const fits =
    (isWhole || ours.mayBeCleaned === true) &&
    baseSequence(buf, at) === ours.sequenceOf(base - tooFar) &&
    producerEpoch(buf, at) === ours.producerEpoch &&
    (attributes(buf, at) & ATTRIBUTES.control) === 0
  return fits
    ? undefined
    : 'the mirror itself, but at another place: something came before it or it came twice'
}

/** Who wrote a batch, for people. */
export const writerOf = (buf: Buffer, at: number): string => {
  const id = producerId(buf, at)
  return id === -1n ? 'a producer without an id' : `producer ${id}`
}
