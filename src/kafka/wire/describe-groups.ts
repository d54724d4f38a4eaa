import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface DescribedGroup {
  readonly code: number
  readonly id: string
  /** `Dead` also for a group that the coordinator does not know. */
  readonly state: string
  readonly protocolType: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    readonly host: string
    readonly metadata: Buffer
  }[]
}

/**
 * DescribeGroups (key 15), v0 to v4 (2.4: instance ids), to the coordinator of each group.
 *
 *     request  => [group STRING], v3: include_authorized_operations BOOLEAN
 *     response => v1: throttle_time_ms INT32, [error_code INT16, group_id STRING, state STRING, protocol_type STRING, protocol STRING,
 *                 [member_id STRING, v4: group_instance_id NULLABLE_STRING, client_id STRING, client_host STRING,
 *                  metadata BYTES, assignment BYTES], v3: authorized_operations INT32]
 */
export const describeGroups: Api<readonly string[], readonly DescribedGroup[]> = {
  name: 'DescribeGroups',
  key: 15,
  versions: [0, 4],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, groups, version) => {
    to.array(groups, (group) => to.string(group))
    if (version >= 3) to.boolean(false)
  },
  decode: (from, version) => {
    if (version >= 1) from.int32()
    return from.array((): DescribedGroup => {
      const code = from.int16()
      const id = from.string()
      const state = from.string()
      const protocolType = from.string()
      from.string()
      const members = from.array(() => {
        const memberId = from.string()
        const instanceId = version >= 4 ? from.nullableString() : null
        const clientId = from.string()
        const host = from.string()
        const metadata = from.bytes()
        from.bytes()
        return { memberId, instanceId, clientId, host, metadata }
      })
      if (version >= 3) from.int32()
      return { code, id, state, protocolType, members }
    })
  },
}
