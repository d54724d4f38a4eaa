import type { AclBinding } from '../../domain/access.ts'
import { encodeAcl } from './acls.ts'
import type { Api, CodeAndMessage } from './api.ts'

/**
 * CreateAcls (key 30, since 0.11), v0 to v3. One result for each ACL, in the order of the request.
 *
 *     request  => [RESOURCE, ENTRY]
 *     response => throttle_time_ms INT32, [error_code INT16, error_message NULLABLE_STRING]
 */
export const createAcls: Api<readonly AclBinding[], readonly CodeAndMessage[]> = {
  name: 'CreateAcls',
  key: 30,
  versions: [0, 3],
  flexibleFrom: 2,
  encode: (to, acls, version) => {
    to.array(acls, (acl) => encodeAcl(to, acl, version)).tags()
  },
  decode: (from) => {
    from.int32()
    const results = from.array((): CodeAndMessage => {
      const result = { code: from.int16(), message: from.nullableString() }
      from.tags()
      return result
    })
    from.tags()
    return results
  },
}
