import { type Api, NEVER_FLEXIBLE } from './api.ts'

/**
 * LeaveGroup (key 13), v1 to v2. Whoever knows a member's id may take it out.
 *
 *     request  => group_id STRING, member_id STRING
 *     response => throttle_time_ms INT32, error_code INT16
 */
export const leaveGroup: Api<{ readonly group: string; readonly memberId: string }, number> = {
  name: 'LeaveGroup',
  key: 13,
  versions: [1, 2],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.string(request.group).string(request.memberId)
  },
  decode: (from) => {
    from.int32()
    return from.int16()
  },
}
