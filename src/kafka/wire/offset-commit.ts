import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface OffsetCommitRequest {
  readonly group: string
  readonly topics: ReadonlyMap<
    string,
    readonly { readonly partition: number; readonly offset: bigint; readonly metadata: string }[]
  >
}
export interface CommitResult {
  readonly topic: string
  readonly partition: number
  readonly code: number
}

/**
 * OffsetCommit (key 8), v2 to v7, as a simple client: generation -1 and no member id, which a coordinator accepts only while the group
 * has no members. Leader epoch -1: the epochs of another cluster mean nothing here.
 *
 *     request  => group_id STRING, generation_id INT32, member_id STRING, v7: group_instance_id NULLABLE_STRING,
 *                 v2-v4: retention_time_ms INT64,
 *                 [name STRING, [partition INT32, offset INT64, v6: leader_epoch INT32, metadata NULLABLE_STRING]]
 *     response => v3: throttle_time_ms INT32, [name STRING, [partition INT32, error_code INT16]]
 */
export const offsetCommit: Api<OffsetCommitRequest, readonly CommitResult[]> = {
  name: 'OffsetCommit',
  key: 8,
  versions: [2, 7],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.string(request.group).int32(-1).string('')
    if (version >= 7) to.nullableString(null)
    if (version <= 4) to.int64(-1n)
    to.array(request.topics, ([topic, partitions]) =>
      to.string(topic).array(partitions, (commit) => {
        to.int32(commit.partition).int64(commit.offset)
        if (version >= 6) to.int32(-1)
        to.nullableString(commit.metadata)
      }),
    )
  },
  decode: (from, version) => {
    if (version >= 3) from.int32()
    return from
      .array(() => {
        const topic = from.string()
        return from.array(() => ({ topic, partition: from.int32(), code: from.int16() }))
      })
      .flat()
  },
}
