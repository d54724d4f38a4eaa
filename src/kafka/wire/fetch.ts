import type { TopicName } from '../../domain/ids.ts'
import type { FetchedPartition, FetchRequest } from '../cluster.ts'
import type { Api } from './api.ts'

/** The first version that names topics by their ids, and only by those. */
const BY_ID = 13

/** The topic of an answer, which may name it by its id only. */
interface FetchedTopic {
  readonly topic: TopicName | undefined
  readonly topicId: string | undefined
  readonly partitions: readonly Omit<FetchedPartition, 'topic'>[]
}

/**
 * Fetch (key 1), v3 (0.10.2) to v13 (3.1: topic ids; a topic that was deleted and created again answers UNKNOWN_TOPIC_ID).
 * zstd needs v10, an isolation level and records of format v2 need v4 (0.11). Later ones gain nothing here.
 *
 *     request  => replica_id INT32, max_wait_ms INT32, min_bytes INT32, max_bytes INT32, v4: isolation_level INT8,
 *                 v7: session_id INT32, session_epoch INT32,
 *                 [name STRING; v13: topic_id UUID,
 *                  [partition INT32, v9: current_leader_epoch INT32, fetch_offset INT64, v12: last_fetched_epoch INT32,
 *                   v5: log_start_offset INT64, partition_max_bytes INT32]],
 *                 v7: forgotten [name STRING; v13: topic_id UUID, [partition INT32]], v11: rack_id STRING
 *     response => throttle_time_ms INT32, v7: error_code INT16, session_id INT32,
 *                 [name STRING; v13: topic_id UUID,
 *                  [partition INT32, error_code INT16, high_watermark INT64, v4: last_stable_offset INT64,
 *                   v5: log_start_offset INT64, v4: NULLABLE [producer_id INT64, first_offset INT64],
 *                   v11: preferred_read_replica INT32, records BYTES]]
 */
export const fetch: Api<
  FetchRequest,
  { readonly code: number; readonly topics: readonly FetchedTopic[] }
> = {
  name: 'Fetch',
  key: 1,
  versions: [3, BY_ID],
  flexibleFrom: 12,
  encode: (to, request, version) => {
    to.int32(-1).int32(request.maxWaitMs).int32(request.minBytes).int32(request.maxBytes)
    if (version >= 4) to.int8(request.isolation === 'read-committed' ? 1 : 0)
    // Session epoch -1: no fetch session, each request stands for itself.
    if (version >= 7) to.int32(0).int32(-1)
    to.array(request.topics, ({ topic, topicId, partitions }) => {
      if (version >= BY_ID) to.uuid(Buffer.from(topicId!, 'base64url'))
      else to.string(topic)
      to.array(partitions, (p) => {
        to.int32(p.partition)
        if (version >= 9) to.int32(-1)
        to.int64(BigInt(p.fetchOffset))
        if (version >= 12) to.int32(-1)
        if (version >= 5) to.int64(-1n)
        to.int32(p.maxBytes).tags()
      }).tags()
    })
    if (version >= 7) to.array([], () => undefined)
    if (version >= 11) to.string('')
    to.tags()
  },
  decode: (from, version) => {
    from.int32()
    const code = version >= 7 ? from.int16() : 0
    if (version >= 7) from.int32()
    const topics = from.array((): FetchedTopic => {
      const topicId = version >= BY_ID ? from.uuid().toString('base64url') : undefined
      const topic = version >= BY_ID ? undefined : (from.string() as TopicName)
      const partitions = from.array(() => {
        const partition = from.int32()
        const errorCode = from.int16()
        const highWatermark = from.safeInt64()
        const lastStableOffset = version >= 4 ? from.safeInt64() : highWatermark
        const logStartOffset = version >= 5 ? from.safeInt64() : -1
        const aborted =
          version >= 4
            ? from.nullableArray(() => {
                const one = { producerId: from.int64(), firstOffset: from.safeInt64() }
                from.tags()
                return one
              })
            : null
        if (version >= 11) from.int32()
        const records = from.bytes()
        from.tags()
        return {
          partition,
          errorCode,
          highWatermark,
          lastStableOffset,
          logStartOffset,
          abortedTransactions: aborted,
          records,
        }
      })
      from.tags()
      return { topic, topicId, partitions }
    })
    from.tags()
    return { code, topics }
  },
}

/** The version for a request: topics by name where the id of one is not known. */
export const fetchVersion = ({ topics }: FetchRequest, highest: number): number =>
  topics.every(({ topicId }) => topicId !== undefined) ? highest : Math.min(highest, BY_ID - 1)

/** The partitions of an answer, under the names that the request gave them. An id that was not asked for is left out. */
export const fetchedPartitions = (
  request: FetchRequest,
  answered: readonly FetchedTopic[],
): readonly FetchedPartition[] =>
  answered.flatMap(({ topic, topicId, partitions }) => {
    const name = topic ?? request.topics.find((asked) => asked.topicId === topicId)?.topic
    return name === undefined ? [] : partitions.map((p) => ({ topic: name, ...p }))
  })
