/** One fact that somebody else than Ferry has changed. */
export interface Drifted {
  readonly what: string
  /** Null: it was not there. */
  readonly was: string | null
  /** Null: it is gone. */
  readonly is: string | null
}
