import type { CopyProgress } from './copy-progress.ts'

/** What a step is at while it runs, as data: the views say it, `apply --json` prints it. A text says itself. */
export type Live = string | WaitingAtGates | Copying

export interface WaitingAtGates {
  readonly kind: 'waiting'
  /** Those that do not hold, never none. */
  readonly gates: readonly { readonly title: string; readonly because: string }[]
}

export interface Copying {
  readonly kind: 'copying'
  /** The topic that the step is about is first; the others are copied meanwhile. */
  readonly topics: readonly CopyProgress[]
  /** What the mirror itself waits for before it can send; null: nothing. */
  readonly waitsFor: string | null
}
