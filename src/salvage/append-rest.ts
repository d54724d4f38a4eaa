import { maxBatchBytes } from '../domain/batch-limit.ts'
import type { FerryError } from '../domain/diagnostic.ts'
import { partitionKey, type SourceOffset } from '../domain/ids.ts'
import type { BrokerLink } from '../kafka/cluster.ts'
import { ErrorCode, errorName, isRetriable } from '../kafka/error-codes.ts'
import {
  type Codec,
  type CopiedRecord,
  codec,
  encodeBatch,
  HEADER_BYTES,
  magic,
  oldCodec,
} from '../records/index.ts'
import { DecodedBatch, decode, type KeptRecord } from '../verify/decoded-batch.ts'
import { LogReader, nextBatchOf } from '../verify/log-reader.ts'
import type { LogStream, ReadStop } from '../verify/log-stream.ts'
import { failed, type SalvagedTo, type SalvageOptions } from './salvage-options.ts'

/** Where an attempt goes on: the source offset, and the records of the range before it. */
export interface Begin {
  readonly from: SourceOffset
  readonly place: number
}

/** Records per batch and bytes of records per batch, where the target takes as much. */
const BATCH_RECORDS = 500
const BATCH_BYTES = 512 * 1024
/** What a record takes in a batch besides its content, at most: length, attributes, timestamp and offset deltas. */
const RECORD_BYTES = 21
const READ_BYTES = 1024 * 1024
const SEQUENCES = 2 ** 31

/** What a broker answers to a batch that it finds too large, and the config of the topic that says so. Nothing of it was appended. */
const LIMITS: ReadonlyMap<number, string> = new Map([
  [ErrorCode.MESSAGE_TOO_LARGE, 'max.message.bytes'],
  [ErrorCode.RECORD_LIST_TOO_LARGE, 'segment.bytes'],
])

interface LateRecord extends KeptRecord {
  /** Of the batch that it stood in on the source. */
  readonly codec: Codec
}

/**
 * Reads the rest of the range and appends it, one batch in flight, in batches that the target takes: what is known of its limit cuts them; what
 * it refuses as too large all the same goes in halves. A single record that is too large as it is goes with the codec that it had on the source.
 */
export const appendRest = async (
  options: SalvageOptions,
  link: BrokerLink,
  begin: Begin,
): Promise<SalvagedTo> => {
  const { salvage, source, target, signal, report } = options
  const { topic, partition } = salvage
  const key = partitionKey(topic, partition)
  const limit = maxBatchBytes((await target.describeTopicConfigs([topic])).ok.get(topic))
  const room = Math.min(BATCH_BYTES, limit - HEADER_BYTES)
  const reader = new LogReader(source, {}, signal)
  const range = { topic, partition, from: Number(begin.from), to: Number(salvage.to) }
  const stream = reader.read(range, READ_BYTES)
  const batch = new DecodedBatch()
  let place = begin.place
  let waiting: LateRecord[] = []
  let bytes = 0
  const appendAll = async (records: readonly LateRecord[]): Promise<void> => {
    const [first, last] = [records[0], records.at(-1)]
    if (first === undefined || last === undefined) return
    const forms: Form[] = []
    for (const as of records.length === 1 ? new Set<Codec>(['none', first.codec]) : PLAIN) {
      const form = batchOf(options, records, place, as)
      const isKnown = form.length > limit
      if (!isKnown) {
        await options.remember({
          place,
          records: records.length,
          from: BigInt(first.offset) as SourceOffset,
          to: BigInt(last.offset + 1) as SourceOffset,
        })
      }
      const refusal = isKnown ? KNOWN : await append(options, link, form, records.length)
      if (refusal === undefined) {
        place += records.length
        report(`${place} records of ${key} are on the target`)
        return
      }
      forms.push({ as, bytes: form.length, refusal })
    }
    if (records.length === 1) throw tooLarge(options, first, forms, limit)
    const middle = records.length >>> 1
    await appendAll(records.slice(0, middle))
    await appendAll(records.slice(middle))
  }
  const flush = async () => {
    await appendAll(waiting)
    waiting = []
    bytes = 0
  }
  try {
    while ((await nextBatchOf(stream)) === 'batch') {
      const malformed = decode(batch, stream)
      if (malformed) throw unread(options, malformed)
      const as = codecOf(stream)
      for (let i = 0; i < batch.count; i++) {
        const record = { ...batch.keep(i), codec: as }
        const size = RECORD_BYTES + record.content.length
        if (bytes + size > room || waiting.length === BATCH_RECORDS) await flush()
        waiting.push(record)
        bytes += size
      }
    }
    const { stopped } = stream
    if (stopped?.kind === 'failed') throw unread(options, stopped)
    await flush()
    const to = stopped?.kind === 'out-of-range' ? BigInt(stopped.offset) : salvage.to
    return { records: place, to: to as SourceOffset }
  } finally {
    stream.close()
    await reader.close()
  }
}

const PLAIN: readonly Codec[] = ['none']

const codecOf = ({ batch, at }: LogStream): Codec =>
  (magic(batch, at) < 2 ? oldCodec(batch, at) : codec(batch, at)) ?? 'none'

const unread = (options: SalvageOptions, stop: ReadStop): FerryError => {
  const { topic, partition } = options.salvage
  const why = stop.kind === 'failed' ? stop.detail : 'it ended'
  return failed(
    options,
    `${partitionKey(topic, partition)} on ${options.source.name}: ${why}`,
    false,
  )
}

const batchOf = (
  { salvage }: SalvageOptions,
  records: readonly LateRecord[],
  firstPlace: number,
  as: Codec,
): Buffer =>
  encodeBatch({
    records: records.map(
      ({ timestamp, attributes, content }): CopiedRecord => ({
        timestamp,
        attributes,
        bytes: content,
        contentStart: 0,
        contentEnd: content.length,
      }),
    ),
    codec: as,
    producerId: salvage.producerId,
    epoch: salvage.producerEpoch,
    baseSequence: firstPlace % SEQUENCES,
  })

/** Why a batch is too large: by a limit that was read, or by what the broker answered. */
interface Refusal {
  readonly config: string
  readonly answer?: string
}

const KNOWN: Refusal = { config: 'max.message.bytes' }

/** Undefined: it is appended. */
const append = async (
  options: SalvageOptions,
  link: BrokerLink,
  batch: Buffer,
  records: number,
): Promise<Refusal | undefined> => {
  const { salvage, target, requestTimeoutMs, signal } = options
  signal.throwIfAborted()
  const { topic, partition } = salvage
  const [answer] = await link.produce({
    topics: [{ topic, partitions: [{ partition, batch: [batch] }] }],
    timeoutMs: requestTimeoutMs,
  })
  if (answer?.errorCode === 0) return undefined
  const name = answer === undefined ? 'nothing' : errorName(answer.errorCode)
  const config = answer && LIMITS.get(answer.errorCode)
  if (config !== undefined) return { config, answer: name }
  const said = answer?.errorMessage === undefined ? '' : ` (${answer.errorMessage})`
  throw failed(
    options,
    `${target.name} answered ${name}${said} to ${records} records of ${partitionKey(topic, partition)}`,
    answer === undefined || isRetriable(answer.errorCode),
  )
}

interface Form {
  readonly as: Codec
  readonly bytes: number
  readonly refusal: Refusal
}

/** What was refused below a limit that is known is judged as the broker writes it, which may be without a codec. */
const tooLarge = (
  options: SalvageOptions,
  { offset }: LateRecord,
  forms: readonly Form[],
  limit: number,
): FerryError => {
  const { salvage, source, target } = options
  const key = partitionKey(salvage.topic, salvage.partition)
  const sizes = forms.map(({ bytes }) => bytes)
  const { refusal } = forms.at(-1)!
  const needs = refusal.answer === undefined ? Math.min(...sizes) : Math.max(...sizes)
  const makes = forms.map(
    ({ as, bytes }) => `${bytes} bytes ${as === 'none' ? 'plain' : `with ${as}`}`,
  )
  const says =
    refusal.answer === undefined
      ? `${target.name} takes ${limit} at most (${refusal.config} of ${salvage.topic})`
      : `${target.name} answered ${refusal.answer} (${refusal.config} of ${salvage.topic})`
  return failed(
    options,
    `the record at offset ${offset} of ${key} on ${source.name} makes a batch of ${makes.join(', ')}, and ${says}. Everything before it is there`,
    false,
    `Raise ${refusal.config} of ${salvage.topic} on ${target.name} to ${needs} or more`,
  )
}
