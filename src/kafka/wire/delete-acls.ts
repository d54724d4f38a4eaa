import type { AclBinding } from '../../domain/access.ts'
import { decodeEntry, decodeResource, encodeAcl } from './acls.ts'
import type { Api, CodeAndMessage } from './api.ts'

/**
 * DeleteAcls (key 31, since 0.11), v0 to v3. Each filter names one ACL in full, so it can remove no other.
 * One result for each filter, in the order of the request.
 *
 *     request  => [RESOURCE, ENTRY]
 *     response => throttle_time_ms INT32, [error_code INT16, error_message NULLABLE_STRING,
 *                 [error_code INT16, error_message NULLABLE_STRING, RESOURCE, ENTRY]]
 */
export const deleteAcls: Api<readonly AclBinding[], readonly CodeAndMessage[]> = {
  name: 'DeleteAcls',
  key: 31,
  versions: [0, 3],
  flexibleFrom: 2,
  encode: (to, acls, version) => {
    to.array(acls, (acl) => encodeAcl(to, acl, version)).tags()
  },
  decode: (from, version) => {
    from.int32()
    const results = from.array((): CodeAndMessage => {
      const filter = { code: from.int16(), message: from.nullableString() }
      const matches = from.array((): CodeAndMessage => {
        const match = { code: from.int16(), message: from.nullableString() }
        decodeResource(from, version)
        decodeEntry(from)
        from.tags()
        return match
      })
      from.tags()
      return filter.code === 0 ? (matches.find((match) => match.code !== 0) ?? filter) : filter
    })
    from.tags()
    return results
  },
}
