import type { Api } from './api.ts'

export interface DescribedConsumerGroup {
  readonly code: number
  readonly message: string | null
  readonly id: string
  readonly state: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    readonly host: string
  }[]
}

/**
 * ConsumerGroupDescribe (key 69, since 3.7, KIP-848), v0 to v1: groups of the new consumer protocol, which the classic describe calls Dead.
 *
 *     request  => [group STRING], include_authorized_operations BOOLEAN
 *     response => throttle_time_ms INT32, [error_code INT16, error_message NULLABLE_STRING, group_id STRING, group_state STRING,
 *                 group_epoch INT32, assignment_epoch INT32, assignor_name STRING,
 *                 [member_id STRING, instance_id NULLABLE_STRING, rack_id NULLABLE_STRING, member_epoch INT32, client_id STRING,
 *                  client_host STRING, subscribed_topic_names [STRING], subscribed_topic_regex NULLABLE_STRING,
 *                  assignment ASSIGNMENT, target_assignment ASSIGNMENT, v1: member_type INT8], authorized_operations INT32]
 *     ASSIGNMENT => [topic_id UUID, topic_name STRING, partitions [INT32]]
 */
export const consumerGroupDescribe: Api<readonly string[], readonly DescribedConsumerGroup[]> = {
  name: 'ConsumerGroupDescribe',
  key: 69,
  versions: [0, 1],
  flexibleFrom: 0,
  encode: (to, groups) => {
    to.array(groups, (group) => to.string(group))
      .boolean(false)
      .tags()
  },
  decode: (from, version) => {
    from.int32()
    const skipAssignment = () => {
      from.array(() => {
        from.uuid()
        from.string()
        from.array(() => from.int32())
        from.tags()
      })
      from.tags()
    }
    const groups = from.array((): DescribedConsumerGroup => {
      const code = from.int16()
      const message = from.nullableString()
      const id = from.string()
      const state = from.string()
      from.int32()
      from.int32()
      from.string()
      const members = from.array(() => {
        const memberId = from.string()
        const instanceId = from.nullableString()
        from.nullableString()
        from.int32()
        const clientId = from.string()
        const host = from.string()
        from.array(() => from.string())
        from.nullableString()
        skipAssignment()
        skipAssignment()
        if (version >= 1) from.int8()
        from.tags()
        return { memberId, instanceId, clientId, host }
      })
      from.int32()
      from.tags()
      return { code, message, id, state, members }
    })
    from.tags()
    return groups
  },
}
