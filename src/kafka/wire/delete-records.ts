import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface DeleteRecordsRequest {
  readonly topics: ReadonlyMap<
    string,
    readonly { readonly partition: number; readonly before: bigint }[]
  >
  readonly timeoutMs: number
}
export interface DeletedRecords {
  readonly topic: string
  readonly partition: number
  readonly lowWatermark: bigint
  readonly code: number
}

/**
 * DeleteRecords (key 21, since 0.11), v0 to v1, to the leader of each partition.
 *
 *     request  => [name STRING, [partition INT32, offset INT64]], timeout_ms INT32
 *     response => throttle_time_ms INT32, [name STRING, [partition INT32, low_watermark INT64, error_code INT16]]
 */
export const deleteRecords: Api<DeleteRecordsRequest, readonly DeletedRecords[]> = {
  name: 'DeleteRecords',
  key: 21,
  versions: [0, 1],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.array(request.topics, ([topic, partitions]) =>
      to.string(topic).array(partitions, (p) => to.int32(p.partition).int64(p.before)),
    ).int32(request.timeoutMs)
  },
  decode: (from) => {
    from.int32()
    return from
      .array(() => {
        const topic = from.string()
        return from.array(() => ({
          topic,
          partition: from.int32(),
          lowWatermark: from.int64(),
          code: from.int16(),
        }))
      })
      .flat()
  },
}
