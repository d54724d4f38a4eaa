import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface HeartbeatRequest {
  readonly group: string
  readonly generation: number
  readonly memberId: string
}

/**
 * Heartbeat (key 12), v1 to v3.
 *
 *     request  => group_id STRING, generation_id INT32, member_id STRING, v3: group_instance_id NULLABLE_STRING
 *     response => throttle_time_ms INT32, error_code INT16
 */
export const heartbeat: Api<HeartbeatRequest, number> = {
  name: 'Heartbeat',
  key: 12,
  versions: [1, 3],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.string(request.group).int32(request.generation).string(request.memberId)
    if (version >= 3) to.nullableString(null)
  },
  decode: (from) => {
    from.int32()
    return from.int16()
  },
}
