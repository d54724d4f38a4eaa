import { type Api, NEVER_FLEXIBLE } from './api.ts'

export interface EndTxnRequest {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly epoch: number
  readonly committed: boolean
}

/**
 * EndTxn (key 26), v0 to v1. Asked again after a lost answer it says the same: a transaction that was committed stays so.
 *
 *     request  => transactional_id STRING, producer_id INT64, producer_epoch INT16, committed BOOLEAN
 *     response => throttle_time_ms INT32, error_code INT16
 */
export const endTxn: Api<EndTxnRequest, number> = {
  name: 'EndTxn',
  key: 26,
  versions: [0, 1],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, request) => {
    to.string(request.transactionalId)
      .int64(request.producerId)
      .int16(request.epoch)
      .boolean(request.committed)
  },
  decode: (from) => {
    from.int32()
    return from.int16()
  },
}
