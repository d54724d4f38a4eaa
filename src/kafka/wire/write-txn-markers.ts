import type { TopicName } from '../../domain/ids.ts'
import type { MarkersRequest } from '../cluster.ts'
import type { Api } from './api.ts'

/** Error codes, one for each partition of each producer that was named. */
export interface WrittenMarkers {
  readonly topic: TopicName
  readonly partition: number
  readonly code: number
}

/**
 * WriteTxnMarkers (key 27, since 0.11), v0 and v1 (2.8, flexible): what a transaction coordinator sends to the leaders. Each marker becomes a
 * control record. v2 says of which transaction version they are; v1 is version 0, which refuses no epoch that was used before.
 *
 *     request  => [producer_id INT64, producer_epoch INT16, transaction_result BOOLEAN, [name STRING, [partition INT32]],
 *                 coordinator_epoch INT32]
 *     response => [producer_id INT64, [name STRING, [partition INT32, error_code INT16]]]
 */
export const writeTxnMarkers: Api<MarkersRequest, readonly WrittenMarkers[]> = {
  name: 'WriteTxnMarkers',
  key: 27,
  versions: [0, 1],
  flexibleFrom: 1,
  encode: (to, request) => {
    to.array(Array.from({ length: request.count }), () => {
      to.int64(request.producerId).int16(request.producerEpoch).boolean(false)
      to.array([request.topic], (topic) => {
        to.string(topic)
          .array([request.partition], (partition) => to.int32(partition))
          .tags()
      })
      to.int32(request.coordinatorEpoch).tags()
    }).tags()
  },
  decode: (from) =>
    from
      .array(() => {
        from.int64()
        const topics = from.array(() => {
          const topic = from.string() as TopicName
          const partitions = from.array(() => {
            const partition = from.int32()
            const code = from.int16()
            from.tags()
            return { topic, partition, code }
          })
          from.tags()
          return partitions
        })
        from.tags()
        return topics.flat()
      })
      .flat(),
}
