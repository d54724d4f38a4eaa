import type { Api } from './api.ts'

export interface FoundCoordinator {
  readonly key: string
  readonly nodeId: number
  readonly code: number
  readonly message: string | null
}

/**
 * FindCoordinator (key 10) of groups (key type 0). v0 to v2 take one group, v4 (3.0, KIP-699) takes many; v3 is left out.
 *
 *     request  v0-v2 => key STRING, v1: key_type INT8
 *     request  v4    => key_type INT8, [key STRING]
 *     response v0-v2 => v1: throttle_time_ms INT32, error_code INT16, v1: error_message NULLABLE_STRING, node_id INT32,
 *                       host STRING, port INT32
 *     response v4    => throttle_time_ms INT32, [key STRING, node_id INT32, host STRING, port INT32, error_code INT16,
 *                       error_message NULLABLE_STRING]
 */
export const findCoordinators: Api<readonly string[], readonly FoundCoordinator[]> = {
  name: 'FindCoordinator',
  key: 10,
  versions: [4, 4],
  flexibleFrom: 3,
  encode: (to, groups) => {
    to.int8(0)
      .array(groups, (group) => to.string(group))
      .tags()
  },
  decode: (from) => {
    from.int32()
    const found = from.array((): FoundCoordinator => {
      const key = from.string()
      const nodeId = from.int32()
      from.string()
      from.int32()
      const coordinator = { key, nodeId, code: from.int16(), message: from.nullableString() }
      from.tags()
      return coordinator
    })
    from.tags()
    return found
  },
}

/** The form for one group; see {@link findCoordinators}. */
export const findCoordinator: Api<string, Omit<FoundCoordinator, 'key'>> = {
  name: 'FindCoordinator',
  key: 10,
  versions: [0, 2],
  flexibleFrom: 3,
  encode: (to, group, version) => {
    to.string(group)
    if (version >= 1) to.int8(0)
  },
  decode: (from, version) => {
    if (version >= 1) from.int32()
    const code = from.int16()
    const message = version >= 1 ? from.nullableString() : null
    return { code, message, nodeId: from.int32() }
  },
}

/** The coordinator of a transactional id (key type 1); see {@link findCoordinators}. */
export const findTransactionCoordinator: Api<string, Omit<FoundCoordinator, 'key'>> = {
  ...findCoordinator,
  versions: [1, 2],
  encode: (to, transactionalId) => {
    to.string(transactionalId).int8(1)
  },
}
