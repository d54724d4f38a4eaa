import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface ListOffsetsRequest {
  readonly readCommitted: boolean
  /** As a follower asks: the end is the log end of the leader then, the not yet replicated part too, and not the high watermark. */
  readonly asFollower?: boolean
  /** Of the broker that is asked, whether or not it leads the partition. */
  readonly ofAnyReplica?: boolean
  readonly topics: ReadonlyMap<
    string,
    readonly {
      readonly partition: number
      /** v4: of the leader that is meant; another answers FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH. -1: whoever it is. */
      readonly leaderEpoch: number
    }[]
  >
  /** -1 the end, -2 the start. */
  readonly timestamp: bigint
}
export interface ListedOffset {
  readonly topic: string
  readonly partition: number
  readonly code: number
  readonly offset: bigint
  /** Of the end: that of the leader; -1: not told (before v4). */
  readonly leaderEpoch: number
}

const CONSUMER = -1
/** A debugging consumer, whom followers answer too, of their own log (kafka.server.ReplicaManager.fetchOffset, fetchOnlyFromLeader). */
const DEBUGGING_CONSUMER = -2
/** Any other. Brokers ask so where the log of their leader ends. */
const FOLLOWER = 0

/**
 * ListOffsets (key 2), v1 (0.10.1) to v4 (2.1: leader epochs). Takes DESCRIBE on the topic, whoever asks. What a follower is told:
 * kafka.server.KafkaApis.handleListOffsetRequest and kafka.cluster.Partition.fetchOffsetForTimestamp (no isolation level: logEndOffset).
 *
 *     request  => replica_id INT32, v2: isolation_level INT8,
 *                 [name STRING, [partition INT32, v4: current_leader_epoch INT32, timestamp INT64]]
 *     response => v2: throttle_time_ms INT32,
 *                 [name STRING, [partition INT32, error_code INT16, timestamp INT64, offset INT64, v4: leader_epoch INT32]]
 */
export const listOffsets: Api<ListOffsetsRequest, readonly ListedOffset[]> = {
  name: 'ListOffsets',
  key: 2,
  versions: [1, 4],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.int32(request.ofAnyReplica ? DEBUGGING_CONSUMER : request.asFollower ? FOLLOWER : CONSUMER)
    if (version >= 2) to.int8(request.readCommitted ? 1 : 0)
    to.array(request.topics, ([topic, partitions]) =>
      to.string(topic).array(partitions, ({ partition, leaderEpoch }) => {
        to.int32(partition)
        if (version >= 4) to.int32(leaderEpoch)
        to.int64(request.timestamp)
      }),
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
          const offset = from.int64()
          return { topic, partition, code, offset, leaderEpoch: version >= 4 ? from.int32() : -1 }
        })
      })
      .flat()
  },
}
