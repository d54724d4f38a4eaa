import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface AddPartitionsRequest {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly epoch: number
  readonly topics: ReadonlyMap<string, readonly number[]>
}

/**
 * AddPartitionsToTxn (key 24), v0 to v1. The first one of a transaction opens it; the coordinator refuses an epoch that was fenced.
 *
 *     request  => transactional_id STRING, producer_id INT64, producer_epoch INT16, [name STRING, [partition INT32]]
 *     response => throttle_time_ms INT32, [name STRING, [partition INT32, error_code INT16]]
 */
export const addPartitionsToTxn: Api<
  AddPartitionsRequest,
  readonly { readonly topic: string; readonly partition: number; readonly code: number }[]
> = {
  name: 'AddPartitionsToTxn',
  key: 24,
  versions: [0, 1],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.string(request.transactionalId)
      .int64(request.producerId)
      .int16(request.epoch)
      .array(request.topics, ([topic, partitions]) =>
        to.string(topic).array(partitions, (partition) => to.int32(partition)),
      )
  },
  decode: (from) => {
    from.int32()
    return from
      .array(() => {
        const topic = from.string()
        return from.array(() => ({ topic, partition: from.int32(), code: from.int16() }))
      })
      .flat()
  },
}
