import type { ScramMechanism } from '../../domain/migration.ts'
import type { Api, CodeAndMessage } from './api.ts'

/** org.apache.kafka.common.security.scram.internals.ScramMechanism on the wire. */
const MECHANISMS: Readonly<Record<ScramMechanism, number>> = {
  'scram-sha-256': 1,
  'scram-sha-512': 2,
}

const mechanismOf = (code: number): ScramMechanism | undefined =>
  (Object.keys(MECHANISMS) as ScramMechanism[]).find((name) => MECHANISMS[name] === code)

export interface DescribedUser extends CodeAndMessage {
  readonly name: string
  readonly mechanisms: readonly ScramMechanism[]
}

/**
 * DescribeUserScramCredentials (key 50, since 2.7, KIP-554), v0.
 *
 *     request  => NULLABLE [name STRING]
 *     response => throttle_time_ms INT32, error_code INT16, error_message NULLABLE_STRING,
 *                 [user STRING, error_code INT16, error_message NULLABLE_STRING, [mechanism INT8, iterations INT32]]
 */
export const describeUserScramCredentials: Api<
  readonly string[],
  CodeAndMessage & { readonly users: readonly DescribedUser[] }
> = {
  name: 'DescribeUserScramCredentials',
  key: 50,
  versions: [0, 0],
  flexibleFrom: 0,
  encode: (to, names) => {
    to.array(names, (name) => to.string(name).tags()).tags()
  },
  decode: (from) => {
    from.int32()
    const code = from.int16()
    const message = from.nullableString()
    const users = from.array((): DescribedUser => {
      const name = from.string()
      const result = { code: from.int16(), message: from.nullableString() }
      const mechanisms = from.array(() => {
        const mechanism = mechanismOf(from.int8())
        from.int32()
        from.tags()
        return mechanism === undefined ? [] : [mechanism]
      })
      from.tags()
      return { name, ...result, mechanisms: mechanisms.flat() }
    })
    from.tags()
    return { code, message, users }
  },
}

export interface AlterScramRequest {
  readonly deletions: readonly { readonly name: string; readonly mechanism: ScramMechanism }[]
  readonly upsertions: readonly {
    readonly name: string
    readonly mechanism: ScramMechanism
    readonly iterations: number
    readonly salt: Buffer
    readonly saltedPassword: Buffer
  }[]
}

/**
 * AlterUserScramCredentials (key 51, since 2.7, KIP-554), v0. The password itself never goes on the wire.
 *
 *     request  => [name STRING, mechanism INT8], [name STRING, mechanism INT8, iterations INT32, salt BYTES, salted_password BYTES]
 *     response => throttle_time_ms INT32, [user STRING, error_code INT16, error_message NULLABLE_STRING]
 */
export const alterUserScramCredentials: Api<
  AlterScramRequest,
  ReadonlyMap<string, CodeAndMessage>
> = {
  name: 'AlterUserScramCredentials',
  key: 51,
  versions: [0, 0],
  flexibleFrom: 0,
  encode: (to, request) => {
    to.array(request.deletions, (user) =>
      to.string(user.name).int8(MECHANISMS[user.mechanism]).tags(),
    )
      .array(request.upsertions, (user) =>
        to
          .string(user.name)
          .int8(MECHANISMS[user.mechanism])
          .int32(user.iterations)
          .bytes(user.salt)
          .bytes(user.saltedPassword)
          .tags(),
      )
      .tags()
  },
  decode: (from) => {
    from.int32()
    const results = from.array(() => {
      const entry = [from.string(), { code: from.int16(), message: from.nullableString() }] as const
      from.tags()
      return entry
    })
    from.tags()
    return new Map(results)
  },
}
