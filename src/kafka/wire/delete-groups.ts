import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface DeleteGroupsRequest {
  readonly groups: readonly string[]
}
export type DeleteGroupsAnswer = readonly { readonly group: string; readonly code: number }[]

/**
 * DeleteGroups (key 42, since 1.1, KIP-229), v0 and v1: forgets groups without members, with all their commits. Each at its coordinator.
 *
 *     request  => [group_id STRING]
 *     response => throttle_time_ms INT32, [group_id STRING, error_code INT16]
 */
export const deleteGroups: Api<DeleteGroupsRequest, DeleteGroupsAnswer> = {
  name: 'DeleteGroups',
  key: 42,
  versions: [0, 1],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, { groups }) => {
    to.array(groups, (group) => to.string(group))
  },
  decode: (from) => {
    from.int32()
    return from.array(() => ({ group: from.string(), code: from.int16() }))
  },
}
