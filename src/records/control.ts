import { ATTRIBUTES, attributes, producerEpoch, producerId } from './batch.ts'
import { MalformedBatch } from './errors.ts'
import { forEachRecord, parseRecord } from './read-records.ts'

/**
 * A control batch. `other` are types that concern no transaction (2 leader change, 3 and 4 snapshot header and footer, 5 KRaft version, 6 voters)
 * or that a later version adds.
 */
export interface ControlMarker {
  readonly kind: 'abort' | 'commit' | 'other'
  readonly type: number
  readonly offset: number
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Which coordinator wrote it; a fencing token where Ferry writes markers. -1 for `other`. */
  readonly coordinatorEpoch: number
}

/**
 * The marker in the control batch at `at`. A control batch holds one record:
 *
 *     Key   => version int16, type int16          0 abort, 1 commit
 *     Value => version int16, coordinatorEpoch int32
 *
 * Source: `ControlRecordType.java`, `EndTransactionMarker.java`; later versions may append fields, so longer ones are read.
 * Throws MalformedBatch (`not-control` if the control bit is missing).
 */
export const readControlMarker = (buf: Buffer, at: number): ControlMarker => {
  if (!(attributes(buf, at) & ATTRIBUTES.control)) {
    throw new MalformedBatch('not-control', 'the control bit is not set')
  }
  let marker: ControlMarker | undefined
  forEachRecord(buf, at, (record) => {
    // Only the first: brokers write exactly one, and a second of another type would be nothing we know.
    if (marker !== undefined) {
      throw new MalformedBatch('record-count', 'a control batch with more than one record')
    }
    const { key, value } = parseRecord(record)
    if (key === null || key.length < 4) {
      throw new MalformedBatch('truncated', 'the key of a control record has fewer than 4 bytes')
    }
    const type = key.readInt16BE(2)
    const ends = type === 0 || type === 1
    if (ends && (value === null || value.length < 6)) {
      throw new MalformedBatch('truncated', 'the value of a marker has fewer than 6 bytes')
    }
    marker = {
      kind: type === 0 ? 'abort' : type === 1 ? 'commit' : 'other',
      type,
      offset: record.offset,
      producerId: producerId(buf, at),
      producerEpoch: producerEpoch(buf, at),
      coordinatorEpoch: ends && value !== null ? value.readInt32BE(2) : -1,
    }
  })
  if (marker === undefined) {
    throw new MalformedBatch('record-count', 'a control batch without a record')
  }
  return marker
}
