import { type Diagnostic, type DiagnosticCode, FerryError } from './diagnostic.ts'

/**
 * An answer about many things. One entry for each thing that was asked for: what a broker leaves out is `failed`, never absent,
 * because a short answer that looks complete turns into a destructive diff.
 */
export interface Answers<K, V> {
  readonly ok: ReadonlyMap<K, V>
  readonly failed: ReadonlyMap<K, Diagnostic>
}

/** Of a cluster that is not to be reached, or not ready (a coordinator loads, a leader moves, a transaction is open): all of it passes. */
const PASSING: ReadonlySet<DiagnosticCode> = new Set(['FERRY1202', 'FERRY1210', 'FERRY1214'])

/** What is thrown for answers that are missing. Retriable where nothing but time is needed, or where that is said. */
export const failureOf = (
  { failed }: Pick<Answers<unknown, unknown>, 'failed'>,
  retriable = [...failed.values()].every(({ code }) => PASSING.has(code)),
): FerryError => new FerryError([...failed.values()], { retriable })

/** The values if every one was answered; else throws the failures, see {@link failureOf}. */
export const valuesOf = <K, V>(
  answers: Answers<K, V>,
  { retriable }: { readonly retriable?: boolean } = {},
): ReadonlyMap<K, V> => {
  if (answers.failed.size > 0) throw failureOf(answers, retriable)
  return answers.ok
}
