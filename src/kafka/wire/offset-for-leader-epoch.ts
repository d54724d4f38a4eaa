import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface EpochEndRequest {
  readonly topics: ReadonlyMap<
    string,
    readonly {
      readonly partition: number
      /** Of the leader that is meant; another answers FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH. -1: whoever it is. */
      readonly currentLeaderEpoch: number
      readonly leaderEpoch: number
    }[]
  >
}
export interface EpochEnd {
  readonly topic: string
  readonly partition: number
  readonly code: number
  /** The largest epoch up to the asked one that this log knows; -1: none, or the broker does not say (v0). */
  readonly leaderEpoch: number
  /** Where that epoch ended; for the epoch of the leader itself its log end, the not yet replicated part too. -1: not known. */
  readonly endOffset: bigint
}

/**
 * OffsetForLeaderEpoch (key 23, since 0.11), v0 to v3, to the leader of each partition. Before v3 (2.3) it takes CLUSTER_ACTION, then
 * DESCRIBE on the topic. What the end means: org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache.endOffsetFor.
 *
 *     request  => v3: replica_id INT32, [name STRING, [partition INT32, v2: current_leader_epoch INT32, leader_epoch INT32]]
 *     response => v2: throttle_time_ms INT32, [name STRING, [error_code INT16, partition INT32, v1: leader_epoch INT32, end_offset INT64]]
 */
export const offsetForLeaderEpoch: Api<EpochEndRequest, readonly EpochEnd[]> = {
  name: 'OffsetForLeaderEpoch',
  key: 23,
  versions: [0, 3],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    if (version >= 3) to.int32(-1)
    to.array(request.topics, ([topic, partitions]) =>
      to.string(topic).array(partitions, (p) => {
        to.int32(p.partition)
        if (version >= 2) to.int32(p.currentLeaderEpoch)
        to.int32(p.leaderEpoch)
      }),
    )
  },
  decode: (from, version) => {
    if (version >= 2) from.int32()
    return from
      .array(() => {
        const topic = from.string()
        return from.array((): EpochEnd => {
          const code = from.int16()
          const partition = from.int32()
          const leaderEpoch = version >= 1 ? from.int32() : -1
          return { topic, partition, code, leaderEpoch, endOffset: from.int64() }
        })
      })
      .flat()
  },
}
