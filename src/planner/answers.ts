import type { Answers } from '../domain/answers.ts'
import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'

/** Takes what was answered, and turns what was not into problems. */
export const taken = <K, V>(answers: Answers<K, V>, problems: Diagnostic[]): ReadonlyMap<K, V> => {
  problems.push(...answers.failed.values())
  return answers.ok
}

/** Runs one read; a failure with diagnostics becomes problems and the fallback. */
export const attempt = async <T>(
  read: () => Promise<T>,
  fallback: T,
  problems: Diagnostic[],
): Promise<T> => {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    problems.push(...error.diagnostics)
    return fallback
  }
}
