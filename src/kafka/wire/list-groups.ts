import type { Api } from './api.ts'

export interface ListedGroup {
  readonly id: string
  readonly protocolType: string
  /** Empty before v4 (2.6). */
  readonly state: string
  /** `classic`, `consumer`, `share` ...; empty before v5 (3.8). */
  readonly type: string
}

/**
 * ListGroups (key 16), v0 to v5: the groups that one broker coordinates, so every broker is asked.
 *
 *     request  => v4: states_filter [STRING], v5: types_filter [STRING]
 *     response => v1: throttle_time_ms INT32, error_code INT16,
 *                 [group_id STRING, protocol_type STRING, v4: group_state STRING, v5: group_type STRING]
 */
export const listGroups: Api<
  void,
  { readonly code: number; readonly groups: readonly ListedGroup[] }
> = {
  name: 'ListGroups',
  key: 16,
  versions: [0, 5],
  flexibleFrom: 3,
  encode: (to, _request, version) => {
    if (version >= 4) to.array([], () => undefined)
    if (version >= 5) to.array([], () => undefined)
    to.tags()
  },
  decode: (from, version) => {
    if (version >= 1) from.int32()
    const code = from.int16()
    const groups = from.array((): ListedGroup => {
      const group = {
        id: from.string(),
        protocolType: from.string(),
        state: version >= 4 ? from.string() : '',
        type: version >= 5 ? from.string() : '',
      }
      from.tags()
      return group
    })
    from.tags()
    return { code, groups }
  },
}
