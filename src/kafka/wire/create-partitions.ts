import { type Api, type CodeAndMessage, NEVER_FLEXIBLE } from './api.ts'

export interface CreatePartitionsRequest {
  /** How many each is to have in the end. */
  readonly counts: ReadonlyMap<string, number>
  readonly timeoutMs: number
}

/**
 * CreatePartitions (key 37, since 1.0, KIP-195), v0 and v1. The broker chooses the replicas.
 *
 *     request  => [name STRING, count INT32, NULLABLE [[broker_id INT32]]], timeout_ms INT32, validate_only BOOLEAN
 *     response => throttle_time_ms INT32, [name STRING, error_code INT16, error_message NULLABLE_STRING]
 */
export const createPartitions: Api<CreatePartitionsRequest, ReadonlyMap<string, CodeAndMessage>> = {
  name: 'CreatePartitions',
  key: 37,
  versions: [0, 1],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.array(request.counts, ([name, count]) =>
      to
        .string(name)
        .int32(count)
        .array(null, () => undefined),
    )
      .int32(request.timeoutMs)
      .boolean(false)
  },
  decode: (from) => {
    from.int32()
    return new Map(
      from.array(() => [from.string(), { code: from.int16(), message: from.nullableString() }]),
    )
  },
}
