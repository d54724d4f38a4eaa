import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface SyncGroupRequest {
  readonly group: string
  readonly generation: number
  readonly memberId: string
  /** Empty but for the leader. */
  readonly assignments: ReadonlyMap<string, Buffer>
}

/**
 * SyncGroup (key 14), v1 to v3.
 *
 *     request  => group_id STRING, generation_id INT32, member_id STRING, v3: group_instance_id NULLABLE_STRING,
 *                 [member_id STRING, assignment BYTES]
 *     response => throttle_time_ms INT32, error_code INT16, assignment BYTES
 */
export const syncGroup: Api<
  SyncGroupRequest,
  { readonly code: number; readonly assignment: Buffer }
> = {
  name: 'SyncGroup',
  key: 14,
  versions: [1, 3],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.string(request.group).int32(request.generation).string(request.memberId)
    if (version >= 3) to.nullableString(null)
    to.array(request.assignments, ([memberId, assignment]) => to.string(memberId).bytes(assignment))
  },
  decode: (from) => {
    from.int32()
    return { code: from.int16(), assignment: from.bytes() }
  },
}
