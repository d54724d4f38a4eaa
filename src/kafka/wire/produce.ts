import type { TopicName } from '../../domain/ids.ts'
import type { ProducedPartition, ProduceRequest } from '../cluster.ts'
import { NEVER_FLEXIBLE } from './api.ts'
import type { Decoder } from './decoder.ts'
import { Encoder } from './encoder.ts'

/** Produce (key 0), v3 (0.11) to v8. zstd needs v7. */
export const produce = {
  name: 'Produce',
  key: 0,
  versions: [3, 8],
  flexibleFrom: NEVER_FLEXIBLE,
} as const

/**
 * The request in pieces: what lies between batches is written here, the batches themselves are passed on as they are.
 *
 *     request  => transactional_id NULLABLE_STRING, acks INT16, timeout_ms INT32, [name STRING, [partition INT32, records BYTES]]
 */
export const producePieces = (request: ProduceRequest): Buffer[] => {
  const pieces: Buffer[] = []
  let to = new Encoder(false)
  to.nullableString(request.transactionalId ?? null)
    .int16(-1)
    .int32(request.timeoutMs)
  to.array(request.topics, ({ topic, partitions }) => {
    to.string(topic).int32(partitions.length)
    for (const { partition, batch } of partitions) {
      let size = 0
      for (const piece of batch) size += piece.length
      to.int32(partition).int32(size)
      pieces.push(to.finish(), ...batch)
      to = new Encoder(false)
    }
  })
  const rest = to.finish()
  if (rest.length > 0) pieces.push(rest)
  return pieces
}

/**
 *     response => [name STRING, [partition INT32, error_code INT16, base_offset INT64, log_append_time_ms INT64,
 *                  v5: log_start_offset INT64, v8: [batch_index INT32, message NULLABLE_STRING], error_message NULLABLE_STRING]],
 *                 throttle_time_ms INT32
 */
export const decodeProduced = (from: Decoder, version: number): ProducedPartition[] =>
  from
    .array(() => {
      const topic = from.string() as TopicName
      return from.array((): ProducedPartition => {
        const partition = from.int32()
        const errorCode = from.int16()
        const baseOffset = from.safeInt64()
        from.int64()
        const logStartOffset = version >= 5 ? from.safeInt64() : -1
        if (version >= 8) from.array(() => [from.int32(), from.nullableString()])
        const errorMessage = version >= 8 ? from.nullableString() : null
        return {
          topic,
          partition,
          errorCode,
          baseOffset,
          logStartOffset,
          ...(errorMessage !== null && { errorMessage }),
        }
      })
    })
    .flat()
