export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export interface CompletedFlag {
  readonly long: string
  readonly says: string
  /** What it takes; empty: any word; undefined: nothing. */
  readonly values: readonly string[] | undefined
}

export interface CompletedVerb {
  readonly name: string
  readonly says: string
  readonly flags: readonly CompletedFlag[]
}

export interface CommandLine {
  readonly flags: readonly CompletedFlag[]
  readonly verbs: readonly CompletedVerb[]
}
