import { type Api, type CodeAndMessage, NEVER_FLEXIBLE } from './api.ts'

/** DescribeClientQuotasRequest: match exactly this name. */
const EXACT = 0
const ANY_NAME = 2

export interface DescribedQuota {
  /** Type (`user`, `client-id`, `ip`) to name; a null name is the default entity. */
  readonly entity: ReadonlyMap<string, string | null>
  readonly values: ReadonlyMap<string, number>
}

/**
 * DescribeClientQuotas (key 48, since 2.6, KIP-546), v0: quotas of one user alone (strict), or of all users where the name is null.
 *
 *     request  => [entity_type STRING, match_type INT8, match NULLABLE_STRING], strict BOOLEAN
 *     response => throttle_time_ms INT32, error_code INT16, error_message NULLABLE_STRING,
 *                 NULLABLE [[entity_type STRING, entity_name NULLABLE_STRING], [key STRING, value FLOAT64]]
 */
export const describeClientQuotas: Api<
  string | null,
  CodeAndMessage & { readonly quotas: readonly DescribedQuota[] }
> = {
  name: 'DescribeClientQuotas',
  key: 48,
  versions: [0, 0],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, user) => {
    to.array([user], (name) =>
      to
        .string('user')
        .int8(name === null ? ANY_NAME : EXACT)
        .nullableString(name),
    ).boolean(true)
  },
  decode: (from) => {
    from.int32()
    const code = from.int16()
    const message = from.nullableString()
    const quotas = from.array(() => ({
      entity: new Map(from.array(() => [from.string(), from.nullableString()] as const)),
      values: new Map(from.array(() => [from.string(), from.float64()] as const)),
    }))
    return { code, message, quotas }
  },
}

export interface AlterQuotaRequest {
  readonly user: string
  /** Null removes. */
  readonly changes: ReadonlyMap<string, number | null>
}

/**
 * AlterClientQuotas (key 49, since 2.6, KIP-546), v0.
 *
 *     request  => [[entity_type STRING, entity_name NULLABLE_STRING], [key STRING, value FLOAT64, remove BOOLEAN]], validate_only BOOLEAN
 *     response => throttle_time_ms INT32, [error_code INT16, error_message NULLABLE_STRING,
 *                 [entity_type STRING, entity_name NULLABLE_STRING]]
 */
export const alterClientQuotas: Api<AlterQuotaRequest, readonly CodeAndMessage[]> = {
  name: 'AlterClientQuotas',
  key: 49,
  versions: [0, 0],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.array([request], ({ user, changes }) =>
      to
        .array([user], (name) => to.string('user').nullableString(name))
        .array(changes, ([key, value]) =>
          to
            .string(key)
            .float64(value ?? 0)
            .boolean(value === null),
        ),
    ).boolean(false)
  },
  decode: (from) => {
    from.int32()
    return from.array(() => {
      const result = { code: from.int16(), message: from.nullableString() }
      from.array(() => [from.string(), from.nullableString()])
      return result
    })
  },
}
