import type { Api } from './api.ts'

export interface MetadataRequest {
  /** Null is all topics, an empty list none. */
  readonly topics: readonly string[] | null
  readonly withAuthorized: boolean
}
export interface MetadataAnswer {
  readonly brokers: readonly {
    readonly nodeId: number
    readonly host: string
    readonly port: number
    readonly rack: string | null
  }[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly MetadataTopic[]
  /** Bits by operation; -2147483648 or absent: the broker did not say. */
  readonly clusterAuthorized: number | undefined
}
export interface MetadataTopic {
  readonly code: number
  readonly name: string
  /** Base64 without padding, as Kafka's Uuid prints it. Undefined where there is none, also on a broker that knows the field. */
  readonly topicId: string | undefined
  readonly isInternal: boolean
  readonly partitions: readonly MetadataPartition[]
  readonly authorized: number | undefined
}
export interface MetadataPartition {
  readonly code: number
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

/**
 * Metadata (key 3), v2 (0.10.1: cluster id) to v10 (2.8: topic ids; the last with the rights on the cluster).
 * Below v4 a named topic that does not exist is created where the broker allows that: name no topics then.
 *
 *     request  => [name STRING; v10: topic_id UUID, name NULLABLE_STRING], v4: allow_auto_topic_creation BOOLEAN,
 *                 v8: include_cluster_authorized_operations BOOLEAN, include_topic_authorized_operations BOOLEAN
 *     response => v3: throttle_time_ms INT32, [node_id INT32, host STRING, port INT32, rack NULLABLE_STRING],
 *                 cluster_id NULLABLE_STRING, controller_id INT32,
 *                 [error_code INT16, name STRING, v10: topic_id UUID, is_internal BOOLEAN,
 *                  [error_code INT16, partition INT32, leader INT32, v7: leader_epoch INT32, replicas [INT32], isr [INT32],
 *                   v5: offline_replicas [INT32]],
 *                  v8: topic_authorized_operations INT32],
 *                 v8: cluster_authorized_operations INT32
 */
export const metadata: Api<MetadataRequest, MetadataAnswer> = {
  name: 'Metadata',
  key: 3,
  versions: [2, 10],
  flexibleFrom: 9,
  encode: (to, request, version) => {
    to.array(request.topics, (name) => {
      if (version >= 10) to.int64(0n).int64(0n)
      to.string(name).tags()
    })
    if (version >= 4) to.boolean(false)
    if (version >= 8) to.boolean(request.withAuthorized).boolean(request.withAuthorized)
    to.tags()
  },
  decode: (from, version) => {
    if (version >= 3) from.int32()
    const brokers = from.array(() => {
      const broker = {
        nodeId: from.int32(),
        host: from.string(),
        port: from.int32(),
        rack: from.nullableString(),
      }
      from.tags()
      return broker
    })
    const clusterId = from.nullableString()
    const controllerId = from.int32()
    const topics = from.array((): MetadataTopic => {
      const code = from.int16()
      const name = from.string()
      const topicId = version >= 10 ? topicIdOf(from.uuid()) : undefined
      const isInternal = from.boolean()
      const partitions = from.array((): MetadataPartition => {
        const partition = {
          code: from.int16(),
          partition: from.int32(),
          leader: from.int32(),
          leaderEpoch: version >= 7 ? from.int32() : -1,
          replicas: from.array(() => from.int32()),
          isr: from.array(() => from.int32()),
        }
        if (version >= 5) from.array(() => from.int32())
        from.tags()
        return partition
      })
      const authorized = version >= 8 ? from.int32() : undefined
      from.tags()
      return { code, name, topicId, isInternal, partitions, authorized }
    })
    const clusterAuthorized = version >= 8 ? from.int32() : undefined
    from.tags()
    return { brokers, clusterId, controllerId, topics, clusterAuthorized }
  },
}

/** Zero: the topic has none, e.g. while the brokers run at an older inter.broker.protocol.version. */
const topicIdOf = (uuid: Buffer): string | undefined =>
  uuid.every((byte) => byte === 0) ? undefined : uuid.toString('base64url')
