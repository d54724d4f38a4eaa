import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** The files that match a glob, as absolute paths; relative globs are relative to `directory`. */
export type Glob = (pattern: string, directory: string) => Promise<readonly string[]>

/** True if a text is a glob and not the name of one file. */
export const isGlob = (pattern: string): boolean => /[*?]/.test(pattern)

/** `*` and `?` as a regular expression over a whole text. */
export const globToRegExp = (pattern: string, flags = ''): RegExp => {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, flags)
}

/** Named like a file: a mount of a file that was not there makes such a folder. Whoever reads it is told. */
const HAS_ENDING = /\.ya?ml$/i

/** {@link Glob} on the real file system. `**` is any number of folders; hidden files and node_modules never match a wildcard. */
export const globOnDisk: Glob = async (pattern, directory) => {
  const absolute = resolve(directory, pattern)
  if (!isGlob(pattern)) return [absolute]
  const found = new Set<string>()
  const visit = async (folder: string, steps: readonly string[]): Promise<void> => {
    const [step, ...rest] = steps
    if (step === undefined) return
    if (!isGlob(step)) {
      const next = join(folder, step)
      if (rest.length > 0) return visit(next, rest)
      if ((await entriesOf(folder)).some((entry) => entry.name === step)) found.add(next)
      return
    }
    if (step === '**') await visit(folder, rest)
    const matches = globToRegExp(step)
    for (const entry of await entriesOf(folder)) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
      const path = join(folder, entry.name)
      if (step === '**') {
        if (entry.isDirectory()) await visit(path, steps)
      } else if (matches.test(entry.name)) {
        if (rest.length > 0) await visit(path, rest)
        else if (!entry.isDirectory() || HAS_ENDING.test(entry.name)) found.add(path)
      }
    }
  }
  // The folder itself may hold wildcard characters; only the pattern's own part is one.
  const steps = pattern.split('/')
  await visit(
    pattern.startsWith('/') ? '/' : directory,
    steps.filter((s) => s !== '' && s !== '.'),
  )
  return [...found].sort()
}

const entriesOf = async (folder: string) => {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch {
    // A folder that is not there or not readable holds no match; the caller says that nothing matched.
    return []
  }
}
