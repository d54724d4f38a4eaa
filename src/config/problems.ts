import type { Diagnostic } from '../domain/diagnostic.ts'

/** Where the parsers put what they find; they never stop at the first problem. */
export type Problems = Diagnostic[]

export const hasErrors = (problems: readonly Diagnostic[]): boolean =>
  problems.some((one) => one.severity === 'error')

/** In the order in which a reader meets them; the same problem at the same place only once. */
export const inReadingOrder = (problems: readonly Diagnostic[]): readonly Diagnostic[] => {
  const seen = new Set<string>()
  const unique = problems.filter((one) => {
    const key = JSON.stringify([one.code, one.at, one.detail])
    return !seen.has(key) && seen.add(key)
  })
  return unique.sort(
    (one, other) =>
      compareText(one.at?.file ?? '', other.at?.file ?? '') ||
      (one.at?.line ?? 0) - (other.at?.line ?? 0) ||
      (one.at?.column ?? 0) - (other.at?.column ?? 0) ||
      compareText(one.code, other.code),
  )
}

/** Not localeCompare: the order must not depend on the machine's language. */
const compareText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
