/** One line of the journal. Each carries the hash of the one before: a line that was changed or lost is found. */
export interface JournalEntry {
  readonly seq: number
  readonly at: string
  readonly plan: string
  readonly what:
    | { readonly kind: 'plan-started' | 'plan-finished' }
    | { readonly kind: 'intent'; readonly step: string }
    | {
        readonly kind: 'result'
        readonly step: string
        readonly outcome: 'done' | 'failed' | 'waiting'
        readonly facts: Readonly<Record<string, unknown>>
      }
  readonly previous: string
  /** SHA-256 of the canonical JSON of everything above. */
  readonly hash: string
}
