import { type Api, NEVER_FLEXIBLE } from './api.ts'

/**
 * DeleteTopics (key 20), v0 (0.10.1) to v3.
 *
 *     request  => [name STRING], timeout_ms INT32
 *     response => v1: throttle_time_ms INT32, [name STRING, error_code INT16]
 */
export const deleteTopics: Api<
  { readonly names: readonly string[]; readonly timeoutMs: number },
  ReadonlyMap<string, number>
> = {
  name: 'DeleteTopics',
  key: 20,
  versions: [0, 3],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.array(request.names, (name) => to.string(name)).int32(request.timeoutMs)
  },
  decode: (from, version) => {
    if (version >= 1) from.int32()
    return new Map(from.array(() => [from.string(), from.int16()]))
  },
}
