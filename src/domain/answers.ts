import { type Diagnostic, FerryError } from './diagnostic.ts'

/**
 * An answer about many things. One entry for each thing that was asked for: what a broker leaves out is `failed`, never absent,
 * because a short answer that looks complete turns into a destructive diff.
 */
export interface Answers<K, V> {
  readonly ok: ReadonlyMap<K, V>
  readonly failed: ReadonlyMap<K, Diagnostic>
}

/** The values if every one was answered; else throws the failures. */
export const valuesOf = <K, V>(
  { ok, failed }: Answers<K, V>,
  { retriable = false }: { readonly retriable?: boolean } = {},
): ReadonlyMap<K, V> => {
  if (failed.size > 0) throw new FerryError([...failed.values()], { retriable })
  return ok
}
