import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import { escapePointer, readablePath } from './words.ts'
import type { ConfigDocument } from './yaml-document.ts'

/** The entries of lists of plain values that stand above in the same list. No list of the format may hold one twice. The entry is not quoted: the file may have a password there by mistake. */
export const checkDuplicates = (document: ConfigDocument): readonly Diagnostic[] => {
  const problems: Diagnostic[] = []
  const walk = (value: unknown, pointer: string): void => {
    if (value === null || typeof value !== 'object') return
    const first = new Map<unknown, number>()
    for (const [key, child] of Object.entries(value)) {
      const here = `${pointer}/${escapePointer(key)}`
      walk(child, here)
      if (!Array.isArray(value) || child === null || typeof child === 'object') continue
      const before = first.get(child)
      if (before === undefined) first.set(child, Number(key))
      else
        problems.push(
          listedTwice('This entry', document.at(`${pointer}/${before}`), document.at(here)),
        )
    }
  }
  walk(document.value, '')
  return problems
}

/** `what` stands at `at` though it stands at `before` already, in the same file. */
export const listedTwice = (what: string, before: Place, at: Place): Diagnostic =>
  diagnostic({
    code: 'FERRY1033',
    detail: `${what} is listed in line ${before.line} already, as ${readablePath(before.pointer)}.`,
    fix: 'Remove one of the two entries, or join what they say.',
    at,
  })

/** {@link listedTwice} for every entry whose key an earlier one has. */
export const checkUnique = <T extends { readonly at: Place }>(
  entries: readonly T[],
  keyOf: (entry: T) => string,
  say: (entry: T) => string,
): readonly Diagnostic[] => {
  const first = new Map<string, T>()
  const problems: Diagnostic[] = []
  for (const entry of entries) {
    const before = first.get(keyOf(entry))
    if (before === undefined) first.set(keyOf(entry), entry)
    else problems.push(listedTwice(say(entry), before.at, entry.at))
  }
  return problems
}
