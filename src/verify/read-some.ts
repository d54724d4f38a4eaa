import { DecodedBatch, decode, type KeptRecord } from './decoded-batch.ts'
import { type LogReader, nextBatchOf } from './log-reader.ts'
import type { ReadRange, ReadStop } from './log-stream.ts'

/** A few records, and why there are not more: undefined if as many came as were asked for. */
export interface Some {
  readonly records: readonly KeptRecord[]
  readonly stop: ReadStop | undefined
}

/** Enough for most batches; the reader raises it for larger ones. */
const PEEK_BYTES = 64 * 1024

/** The first visible records of a range, at most `count`. */
export const readFirst = async (
  reader: LogReader,
  range: ReadRange,
  count: number,
): Promise<Some> => {
  const records: KeptRecord[] = []
  const stream = reader.read(range, PEEK_BYTES)
  const batch = new DecodedBatch()
  try {
    while (records.length < count) {
      if ((await nextBatchOf(stream)) === 'end') return { records, stop: stream.stopped }
      const malformed = decode(batch, stream)
      if (malformed !== undefined) return { records, stop: malformed }
      for (let i = 0; i < batch.count && records.length < count; i++) records.push(batch.keep(i))
    }
    return { records, stop: undefined }
  } finally {
    stream.close()
  }
}

/**
 * The last visible record of a range. Looks at the last offset first and then further and further back, because only a log knows where
 * its markers are; a step reads what the steps before it did not.
 */
export const readLast = async (reader: LogReader, range: ReadRange): Promise<Some> => {
  let to = range.to
  for (let reach = 1; to > range.from; reach *= 16) {
    const from = Math.max(range.from, range.to - reach)
    const found = await lastIn(reader, { ...range, from, to })
    if (found.records.length > 0 || found.stop?.kind !== 'end') return found
    to = from
  }
  return { records: [], stop: { kind: 'end' } }
}

const lastIn = async (reader: LogReader, range: ReadRange): Promise<Some> => {
  const stream = reader.read(range, PEEK_BYTES)
  const batch = new DecodedBatch()
  let last: KeptRecord | undefined
  try {
    while ((await nextBatchOf(stream)) === 'batch') {
      const malformed = decode(batch, stream)
      if (malformed !== undefined) return { records: [], stop: malformed }
      if (batch.count > 0) last = batch.keep(batch.count - 1)
    }
    const stop = stream.stopped
    return stop?.kind === 'end' && last !== undefined
      ? { records: [last], stop: undefined }
      : { records: [], stop }
  } finally {
    stream.close()
  }
}
