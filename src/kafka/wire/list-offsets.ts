import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface ListOffsetsRequest {
  readonly readCommitted: boolean
  readonly topics: ReadonlyMap<string, readonly number[]>
  /** -1 the end, -2 the start. */
  readonly timestamp: bigint
}
export interface ListedOffset {
  readonly topic: string
  readonly partition: number
  readonly code: number
  readonly offset: bigint
}

/**
 * ListOffsets (key 2), v1 (0.10.1) and v2 (0.11: isolation level).
 *
 *     request  => replica_id INT32, v2: isolation_level INT8, [name STRING, [partition INT32, timestamp INT64]]
 *     response => v2: throttle_time_ms INT32, [name STRING, [partition INT32, error_code INT16, timestamp INT64, offset INT64]]
 */
export const listOffsets: Api<ListOffsetsRequest, readonly ListedOffset[]> = {
  name: 'ListOffsets',
  key: 2,
  versions: [1, 2],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.int32(-1)
    if (version >= 2) to.int8(request.readCommitted ? 1 : 0)
    to.array(request.topics, ([topic, partitions]) =>
      to
        .string(topic)
        .array(partitions, (partition) => to.int32(partition).int64(request.timestamp)),
    )
  },
  decode: (from, version) => {
    if (version >= 2) from.int32()
    return from
      .array(() => {
        const topic = from.string()
        return from.array((): ListedOffset => {
          const partition = from.int32()
          const code = from.int16()
          from.int64()
          return { topic, partition, code, offset: from.int64() }
        })
      })
      .flat()
  },
}
