import { type Api, NEVER_FLEXIBLE } from './api.ts'

/**
 * InitProducerId (key 22, since 0.11), v0 to v1, without a transactional id: any broker gives a new id.
 *
 *     request  => transactional_id NULLABLE_STRING, transaction_timeout_ms INT32
 *     response => throttle_time_ms INT32, error_code INT16, producer_id INT64, producer_epoch INT16
 */
export const initProducerId: Api<
  void,
  { readonly code: number; readonly producerId: bigint; readonly epoch: number }
> = {
  name: 'InitProducerId',
  key: 22,
  versions: [0, 1],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to) => {
    to.nullableString(null).int32(60_000)
  },
  decode: (from) => {
    from.int32()
    return { code: from.int16(), producerId: from.int64(), epoch: from.int16() }
  },
}
