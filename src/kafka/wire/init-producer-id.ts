import { type Api, NEVER_FLEXIBLE } from './api.ts'

/** Absent: an idempotent producer without transactions. */
export interface TransactionalId {
  readonly id: string
  /** After so long the coordinator aborts an open transaction by itself. */
  readonly timeoutMs: number
}

/**
 * InitProducerId (key 22, since 0.11), v0 to v1. Without a transactional id any broker gives a new id; with one its coordinator gives the
 * same id with the next epoch, fences the epochs before and aborts what they left open (CONCURRENT_TRANSACTIONS until that is done).
 *
 *     request  => transactional_id NULLABLE_STRING, transaction_timeout_ms INT32
 *     response => throttle_time_ms INT32, error_code INT16, producer_id INT64, producer_epoch INT16
 */
export const initProducerId: Api<
  TransactionalId | undefined,
  { readonly code: number; readonly producerId: bigint; readonly epoch: number }
> = {
  name: 'InitProducerId',
  key: 22,
  versions: [0, 1],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: (to, transactional) => {
    to.nullableString(transactional?.id ?? null).int32(transactional?.timeoutMs ?? 60_000)
  },
  decode: (from) => {
    from.int32()
    return { code: from.int16(), producerId: from.int64(), epoch: from.int16() }
  },
}
