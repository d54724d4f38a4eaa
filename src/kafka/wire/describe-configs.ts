import { type Api, NEVER_FLEXIBLE } from './api.ts'

/** org.apache.kafka.common.config.ConfigResource.Type */
export const CONFIG_RESOURCE = { topic: 2, broker: 4 } as const

export interface DescribeConfigsRequest {
  readonly type: number
  readonly names: readonly string[]
}
export interface DescribedConfigs {
  readonly name: string
  readonly code: number
  readonly message: string | null
  readonly entries: readonly DescribedConfig[]
}
export interface DescribedConfig {
  readonly name: string
  readonly value: string | null
  /** Set on the described thing itself, not inherited. */
  readonly isOverride: boolean
}

/** DescribeConfigsResponse.ConfigSource: DYNAMIC_TOPIC_CONFIG, and DYNAMIC_BROKER_CONFIG of that one broker. */
const OWN_SOURCES = new Set([1, 2])

/**
 * DescribeConfigs (key 32), v0 (0.11) to v2.
 *
 *     request  => [resource_type INT8, resource_name STRING, config_names NULLABLE [STRING]], v1: include_synonyms BOOLEAN
 *     response => throttle_time_ms INT32, [error_code INT16, error_message NULLABLE_STRING, resource_type INT8, resource_name STRING,
 *                 [name STRING, value NULLABLE_STRING, read_only BOOLEAN, v0: is_default BOOLEAN, v1: config_source INT8,
 *                  is_sensitive BOOLEAN, v1: [name STRING, value NULLABLE_STRING, source INT8]]]
 */
export const describeConfigs: Api<DescribeConfigsRequest, readonly DescribedConfigs[]> = {
  name: 'DescribeConfigs',
  key: 32,
  versions: [0, 2],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request, version) => {
    to.array(request.names, (name) =>
      to
        .int8(request.type)
        .string(name)
        .array(null, () => undefined),
    )
    if (version >= 1) to.boolean(false)
  },
  decode: (from, version) => {
    from.int32()
    return from.array((): DescribedConfigs => {
      const code = from.int16()
      const message = from.nullableString()
      from.int8()
      const name = from.string()
      const entries = from.array((): DescribedConfig => {
        const key = from.string()
        const value = from.nullableString()
        from.boolean()
        const isOverride = version === 0 ? !from.boolean() : OWN_SOURCES.has(from.int8())
        const isSensitive = from.boolean()
        if (version >= 1) {
          from.array(() => [from.string(), from.nullableString(), from.int8()])
        }
        return { name: key, value: isSensitive ? null : value, isOverride }
      })
      return { name, code, message, entries }
    })
  },
}
