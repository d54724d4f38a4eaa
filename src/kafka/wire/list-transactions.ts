import type { Api } from './api.ts'

export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: bigint
  /** `Ongoing`, `PrepareCommit`, `CompleteCommit` ... */
  readonly state: string
}

/**
 * ListTransactions (key 66, since 3.0, KIP-664), v0 to v1: the transactional ids that one broker coordinates, so every broker is asked.
 *
 *     request  => state_filters [STRING], producer_id_filters [INT64], v1: duration_filter INT64
 *     response => throttle_time_ms INT32, error_code INT16, unknown_state_filters [STRING],
 *                 [transactional_id STRING, producer_id INT64, transaction_state STRING]
 */
export const listTransactions: Api<
  void,
  { readonly code: number; readonly transactions: readonly ListedTransaction[] }
> = {
  name: 'ListTransactions',
  key: 66,
  versions: [0, 1],
  flexibleFrom: 0,
  encode: (to, _request, version) => {
    to.array([], () => undefined).array([], () => undefined)
    if (version >= 1) to.int64(-1n)
    to.tags()
  },
  decode: (from) => {
    from.int32()
    const code = from.int16()
    from.array(() => from.string())
    const transactions = from.array((): ListedTransaction => {
      const listed = {
        transactionalId: from.string(),
        producerId: from.int64(),
        state: from.string(),
      }
      from.tags()
      return listed
    })
    from.tags()
    return { code, transactions }
  },
}
