import type { Api, CodeAndMessage } from './api.ts'

export interface QuorumReplica {
  readonly replicaId: number
  /** Of the leader: its clock when it answered (LeaderState.describeReplicaState). */
  readonly lastFetchTimestamp: number
}

/**
 * DescribeQuorum (key 55, KRaft only), v1 (3.3, KIP-836: timestamps), to any broker, which passes it on to the active controller.
 * Asked about the one partition that there is, `__cluster_metadata-0`.
 *
 *     request  => [topic_name STRING, [partition_index INT32]]
 *     response => error_code INT16, [topic_name STRING, [partition INT32, error_code INT16, leader_id INT32, leader_epoch INT32,
 *                 high_watermark INT64, [REPLICA] voters, [REPLICA] observers]]
 *     REPLICA  => replica_id INT32, log_end_offset INT64, last_fetch_timestamp INT64, last_caught_up_timestamp INT64
 */
export const describeQuorum: Api<
  void,
  CodeAndMessage & { readonly leaderId: number; readonly voters: readonly QuorumReplica[] }
> = {
  name: 'DescribeQuorum',
  key: 55,
  versions: [1, 1],
  flexibleFrom: 0,
  encode: (to) => {
    to.array(['__cluster_metadata'], (topic) =>
      to
        .string(topic)
        .array([0], (partition) => to.int32(partition).tags())
        .tags(),
    ).tags()
  },
  decode: (from) => {
    const replica = (): QuorumReplica => {
      const replicaId = from.int32()
      from.int64()
      const lastFetchTimestamp = from.safeInt64()
      from.int64()
      from.tags()
      return { replicaId, lastFetchTimestamp }
    }
    const code = from.int16()
    const topics = from.array(() => {
      from.string()
      const partitions = from.array(() => {
        from.int32()
        const partitionCode = from.int16()
        const leaderId = from.int32()
        from.int32()
        from.int64()
        const voters = from.array(replica)
        from.array(replica)
        from.tags()
        return { code: partitionCode, leaderId, voters }
      })
      from.tags()
      return partitions
    })
    from.tags()
    const [quorum] = topics.flat()
    return {
      code: code || (quorum?.code ?? 0),
      message: null,
      leaderId: quorum?.leaderId ?? -1,
      voters: quorum?.voters ?? [],
    }
  },
}
