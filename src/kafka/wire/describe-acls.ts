import type { AclBinding } from '../../domain/access.ts'
import { ANY, decodeEntry, decodeResource } from './acls.ts'
import type { Api, CodeAndMessage } from './api.ts'

/**
 * DescribeAcls (key 29, since 0.11), v0 to v3 (3.3: user resources): every ACL.
 *
 *     request  => resource_type INT8, resource_name NULLABLE_STRING, v1: pattern_type INT8, principal NULLABLE_STRING,
 *                 host NULLABLE_STRING, operation INT8, permission_type INT8
 *     response => throttle_time_ms INT32, error_code INT16, error_message NULLABLE_STRING, [RESOURCE, [ENTRY]]
 */
export const describeAcls: Api<void, CodeAndMessage & { readonly acls: readonly AclBinding[] }> = {
  name: 'DescribeAcls',
  key: 29,
  versions: [0, 3],
  flexibleFrom: 2,
  encode: (to, _request, version) => {
    to.int8(ANY).nullableString(null)
    if (version >= 1) to.int8(ANY)
    to.nullableString(null).nullableString(null).int8(ANY).int8(ANY).tags()
  },
  decode: (from, version) => {
    from.int32()
    const code = from.int16()
    const message = from.nullableString()
    const acls = from.array(() => {
      const resource = decodeResource(from, version)
      const entries = from.array((): AclBinding => {
        const acl = { ...resource, ...decodeEntry(from) }
        from.tags()
        return acl
      })
      from.tags()
      return entries
    })
    from.tags()
    return { code, message, acls: acls.flat() }
  },
}
