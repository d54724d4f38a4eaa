import { type Api, type CodeAndMessage, NEVER_FLEXIBLE } from './api.ts'
import { CONFIG_RESOURCE } from './describe-configs.ts'

/** AlterConfigOp.OpType */
const SET = 0
const DELETE = 1

/**
 * IncrementalAlterConfigs (key 44, since 2.3), v0. Only the named keys change, unlike AlterConfigs, which resets all others.
 *
 *     request  => [resource_type INT8, resource_name STRING, [name STRING, config_operation INT8, value NULLABLE_STRING]],
 *                 validate_only BOOLEAN
 *     response => throttle_time_ms INT32, [error_code INT16, error_message NULLABLE_STRING, resource_type INT8, resource_name STRING]
 */
export const incrementalAlterConfigs: Api<
  ReadonlyMap<string, ReadonlyMap<string, string | null>>,
  ReadonlyMap<string, CodeAndMessage>
> = {
  name: 'IncrementalAlterConfigs',
  key: 44,
  versions: [0, 0],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, topics) => {
    to.array(topics, ([topic, configs]) =>
      to
        .int8(CONFIG_RESOURCE.topic)
        .string(topic)
        .array(configs, ([key, value]) =>
          to
            .string(key)
            .int8(value === null ? DELETE : SET)
            .nullableString(value),
        ),
    ).boolean(false)
  },
  decode: (from) => {
    from.int32()
    return new Map(
      from.array(() => {
        const result = { code: from.int16(), message: from.nullableString() }
        from.int8()
        return [from.string(), result]
      }),
    )
  },
}
