import type { TopicName } from '../../domain/ids.ts'
import type { FetchedPartition, FetchRequest } from '../cluster.ts'
import { type Api, NEVER_FLEXIBLE } from './api.ts'

/**
 * Fetch (key 1), v3 (0.10.2) to v11. The flexible ones, and those that name topics by id, gain nothing here.
 * zstd needs v10, an isolation level and records of format v2 need v4 (0.11).
 *
 *     request  => replica_id INT32, max_wait_ms INT32, min_bytes INT32, max_bytes INT32, v4: isolation_level INT8,
 *                 v7: session_id INT32, session_epoch INT32,
 *                 [name STRING, [partition INT32, v9: current_leader_epoch INT32, fetch_offset INT64, v5: log_start_offset INT64,
 *                  partition_max_bytes INT32]],
 *                 v7: forgotten [name STRING, [partition INT32]], v11: rack_id STRING
 *     response => throttle_time_ms INT32, v7: error_code INT16, session_id INT32,
 *                 [name STRING, [partition INT32, error_code INT16, high_watermark INT64, v4: last_stable_offset INT64,
 *                  v5: log_start_offset INT64, v4: NULLABLE [producer_id INT64, first_offset INT64],
 *                  v11: preferred_read_replica INT32, records BYTES]]
 */
export const fetch: Api<
  FetchRequest,
  { readonly code: number; readonly partitions: readonly FetchedPartition[] }
> = {
  name: 'Fetch',
  key: 1,
  versions: [3, 11],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.int32(-1).int32(request.maxWaitMs).int32(request.minBytes).int32(request.maxBytes)
    if (version >= 4) to.int8(request.isolation === 'read-committed' ? 1 : 0)
    // Session epoch -1: no fetch session, each request stands for itself.
    if (version >= 7) to.int32(0).int32(-1)
    to.array(request.topics, ({ topic, partitions }) =>
      to.string(topic).array(partitions, (p) => {
        to.int32(p.partition)
        if (version >= 9) to.int32(-1)
        to.int64(BigInt(p.fetchOffset))
        if (version >= 5) to.int64(-1n)
        to.int32(p.maxBytes)
      }),
    )
    if (version >= 7) to.array([], () => undefined)
    if (version >= 11) to.string('')
  },
  decode: (from, version) => {
    from.int32()
    const code = version >= 7 ? from.int16() : 0
    if (version >= 7) from.int32()
    const partitions = from.array(() => {
      const topic = from.string() as TopicName
      return from.array((): FetchedPartition => {
        const partition = from.int32()
        const errorCode = from.int16()
        const highWatermark = from.safeInt64()
        const lastStableOffset = version >= 4 ? from.safeInt64() : highWatermark
        const logStartOffset = version >= 5 ? from.safeInt64() : -1
        const aborted =
          version >= 4
            ? from.nullableArray(() => ({
                producerId: from.int64(),
                firstOffset: from.safeInt64(),
              }))
            : null
        if (version >= 11) from.int32()
        return {
          topic,
          partition,
          errorCode,
          highWatermark,
          lastStableOffset,
          logStartOffset,
          abortedTransactions: aborted,
          records: from.bytes(),
        }
      })
    })
    return { code, partitions: partitions.flat() }
  },
}
