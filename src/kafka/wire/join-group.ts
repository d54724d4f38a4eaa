import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface JoinGroupRequest {
  readonly group: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Empty at the first join; the broker answers MEMBER_ID_REQUIRED with the id to use (v4, KIP-394). */
  readonly memberId: string
  readonly protocolType: string
  readonly protocolName: string
  readonly metadata: Buffer
}
export interface JoinGroupAnswer {
  readonly code: number
  readonly generation: number
  readonly leader: string
  readonly memberId: string
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

/**
 * JoinGroup (key 11), v2 to v5: spoken by 0.11 to 4.x.
 *
 *     request  => group_id STRING, session_timeout_ms INT32, rebalance_timeout_ms INT32, member_id STRING,
 *                 v5: group_instance_id NULLABLE_STRING, protocol_type STRING, [name STRING, metadata BYTES]
 *     response => throttle_time_ms INT32, error_code INT16, generation_id INT32, protocol_name STRING, leader STRING, member_id STRING,
 *                 [member_id STRING, v5: group_instance_id NULLABLE_STRING, metadata BYTES]
 */
export const joinGroup: Api<JoinGroupRequest, JoinGroupAnswer> = {
  name: 'JoinGroup',
  key: 11,
  versions: [2, 5],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.string(request.group)
      .int32(request.sessionTimeoutMs)
      .int32(request.rebalanceTimeoutMs)
      .string(request.memberId)
    if (version >= 5) to.nullableString(null)
    to.string(request.protocolType).array([request], (protocol) =>
      to.string(protocol.protocolName).bytes(protocol.metadata),
    )
  },
  decode: (from, version) => {
    from.int32()
    const code = from.int16()
    const generation = from.int32()
    from.string()
    const leader = from.string()
    const memberId = from.string()
    const members = from.array(() => {
      const id = from.string()
      if (version >= 5) from.nullableString()
      return { memberId: id, metadata: from.bytes() }
    })
    return { code, generation, leader, memberId, members }
  },
}
