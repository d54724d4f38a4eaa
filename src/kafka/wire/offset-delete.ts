import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface OffsetDeleteRequest {
  readonly group: string
  readonly topics: ReadonlyMap<string, readonly number[]>
}
export interface OffsetDeleteAnswer {
  /** Of the whole group: NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND ... */
  readonly code: number
  readonly results: readonly {
    readonly topic: string
    readonly partition: number
    readonly code: number
  }[]
}

/**
 * OffsetDelete (key 47, since 2.4, KIP-496), v0: takes single commits out of a group. The group must have no members, or none that
 * subscribes to the topic.
 *
 *     request  => group_id STRING, [name STRING, [partition INT32]]
 *     response => error_code INT16, throttle_time_ms INT32, [name STRING, [partition INT32, error_code INT16]]
 */
export const offsetDelete: Api<OffsetDeleteRequest, OffsetDeleteAnswer> = {
  name: 'OffsetDelete',
  key: 47,
  versions: [0, 0],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.string(request.group).array(request.topics, ([topic, partitions]) =>
      to.string(topic).array(partitions, (partition) => to.int32(partition)),
    )
  },
  decode: (from) => {
    const code = from.int16()
    from.int32()
    const results = from
      .array(() => {
        const topic = from.string()
        return from.array(() => ({ topic, partition: from.int32(), code: from.int16() }))
      })
      .flat()
    return { code, results }
  },
}
