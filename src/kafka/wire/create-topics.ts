import { type Api, type CodeAndMessage, NEVER_FLEXIBLE } from './api.ts'

export interface CreateTopicsRequest {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: number
    readonly replicationFactor: number
    readonly configs: ReadonlyMap<string, string>
  }[]
  readonly timeoutMs: number
  readonly validateOnly: boolean
}

/**
 * CreateTopics (key 19), v1 (0.10.2: validate_only) to v4 (2.4: replication factor -1 is the broker's default).
 *
 *     request  => [name STRING, num_partitions INT32, replication_factor INT16, [partition INT32, [broker_id INT32]],
 *                  [name STRING, value NULLABLE_STRING]], timeout_ms INT32, validate_only BOOLEAN
 *     response => v2: throttle_time_ms INT32, [name STRING, error_code INT16, error_message NULLABLE_STRING]
 */
export const createTopics: Api<CreateTopicsRequest, ReadonlyMap<string, CodeAndMessage>> = {
  name: 'CreateTopics',
  key: 19,
  versions: [1, 4],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.array(request.topics, (topic) =>
      to
        .string(topic.name)
        .int32(topic.partitions)
        .int16(topic.replicationFactor)
        .array([], () => undefined)
        .array(topic.configs, ([key, value]) => to.string(key).string(value)),
    )
      .int32(request.timeoutMs)
      .boolean(request.validateOnly)
  },
  decode: (from, version) => {
    if (version >= 2) from.int32()
    return new Map(
      from.array(() => [from.string(), { code: from.int16(), message: from.nullableString() }]),
    )
  },
}
