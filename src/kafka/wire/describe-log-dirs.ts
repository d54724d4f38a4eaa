import type { Api, CodeAndMessage } from './api.ts'

export interface DescribedLogDir {
  readonly code: number
  readonly path: string
  readonly replicas: readonly {
    readonly topic: string
    readonly partition: number
    readonly size: number
    /** A replica that is being moved into this folder counts twice: once here, once where it comes from. */
    readonly isFuture: boolean
  }[]
  /** -1 before v4 (3.3, KIP-827). */
  readonly totalBytes: number
  readonly usableBytes: number
}

/**
 * DescribeLogDirs (key 35, since 1.0), v0 to v4, to each broker: it knows its own disks only.
 *
 *     request  => NULLABLE [topic STRING, [partition INT32]]
 *     response => throttle_time_ms INT32, v3: error_code INT16,
 *                 [error_code INT16, log_dir STRING,
 *                  [name STRING, [partition INT32, size INT64, offset_lag INT64, is_future BOOLEAN]],
 *                  v4: total_bytes INT64, usable_bytes INT64]
 */
export const describeLogDirs: Api<
  ReadonlyMap<string, readonly number[]>,
  CodeAndMessage & { readonly folders: readonly DescribedLogDir[] }
> = {
  name: 'DescribeLogDirs',
  key: 35,
  versions: [0, 4],
  flexibleFrom: 2,
  encode: (to, topics) => {
    to.array(topics, ([topic, partitions]) =>
      to
        .string(topic)
        .array(partitions, (partition) => to.int32(partition))
        .tags(),
    ).tags()
  },
  decode: (from, version) => {
    from.int32()
    const code = version >= 3 ? from.int16() : 0
    const folders = from.array((): DescribedLogDir => {
      const folderCode = from.int16()
      const path = from.string()
      const replicas = from.array(() => {
        const topic = from.string()
        const partitions = from.array(() => {
          const partition = from.int32()
          const size = from.safeInt64()
          from.int64()
          const isFuture = from.boolean()
          from.tags()
          return { topic, partition, size, isFuture }
        })
        from.tags()
        return partitions
      })
      const totalBytes = version >= 4 ? from.safeInt64() : -1
      const usableBytes = version >= 4 ? from.safeInt64() : -1
      from.tags()
      return { code: folderCode, path, replicas: replicas.flat(), totalBytes, usableBytes }
    })
    from.tags()
    return { code, message: null, folders }
  },
}
