import type { Api } from './api.ts'

export interface DescribedProducer {
  readonly producerId: bigint
  readonly epoch: number
  /** Milliseconds since 1970; -1: nothing was written yet. */
  readonly lastSequence: number
  readonly lastTimestamp: bigint
  /** First offset of its open transaction; -1: none is open. */
  readonly transactionStart: bigint
}
export interface DescribedProducers {
  readonly topic: string
  readonly partition: number
  readonly code: number
  readonly message: string | null
  readonly producers: readonly DescribedProducer[]
}

/**
 * DescribeProducers (key 61, since 2.8, KIP-664), v0: the producers that the leader of a partition remembers.
 *
 *     request  => [name STRING, [partition INT32]]
 *     response => throttle_time_ms INT32, [name STRING, [partition INT32, error_code INT16, error_message NULLABLE_STRING,
 *                 [producer_id INT64, producer_epoch INT32, last_sequence INT32, last_timestamp INT64, coordinator_epoch INT32,
 *                  current_txn_start_offset INT64]]]
 */
export const describeProducers: Api<
  ReadonlyMap<string, readonly number[]>,
  readonly DescribedProducers[]
> = {
  name: 'DescribeProducers',
  key: 61,
  versions: [0, 0],
  flexibleFrom: 0,
  encode: (to, topics) => {
    to.array(topics, ([topic, partitions]) =>
      to
        .string(topic)
        .array(partitions, (partition) => to.int32(partition))
        .tags(),
    ).tags()
  },
  decode: (from) => {
    from.int32()
    const topics = from.array(() => {
      const topic = from.string()
      const partitions = from.array((): DescribedProducers => {
        const partition = from.int32()
        const code = from.int16()
        const message = from.nullableString()
        const producers = from.array((): DescribedProducer => {
          const producerId = from.int64()
          const epoch = from.int32()
          const lastSequence = from.int32()
          const lastTimestamp = from.int64()
          from.int32()
          const transactionStart = from.int64()
          from.tags()
          return { producerId, epoch, lastSequence, lastTimestamp, transactionStart }
        })
        from.tags()
        return { topic, partition, code, message, producers }
      })
      from.tags()
      return partitions
    })
    from.tags()
    return topics.flat()
  },
}
