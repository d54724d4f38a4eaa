import type { Diagnostic } from './diagnostic.ts'

/**
 * An answer about many things. One entry for each thing that was asked for: what a broker leaves out is `failed`, never absent,
 * because a short answer that looks complete turns into a destructive diff.
 */
export interface Answers<K, V> {
  readonly ok: ReadonlyMap<K, V>
  readonly failed: ReadonlyMap<K, Diagnostic>
}

/** The values if every one was answered; else the failures. */
export const complete = <K, V>(
  answers: Answers<K, V>,
): { readonly all: ReadonlyMap<K, V> } | { readonly problems: readonly Diagnostic[] } =>
  answers.failed.size === 0 ? { all: answers.ok } : { problems: [...answers.failed.values()] }
