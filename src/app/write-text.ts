import { chmod, rename, rm, writeFile } from 'node:fs/promises'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'

/** Writes a file that somebody named: replaces it at once or not at all. FERRY1111 says why it could not. */
export const replaceText = async (
  path: string,
  text: string | Iterable<string>,
  mode = 0o644,
): Promise<void> => {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await writeFile(temporary, text, { mode, flag: 'wx' })
    await chmod(temporary, mode)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw new FerryError(
      diagnostic({
        code: 'FERRY1111',
        detail: `${path} cannot be written: ${reasonOf(cause)}.`,
        fix: 'Give a path in a folder that exists and that you may write to.',
      }),
      { cause },
    )
  }
}

/** What the system says of a file, in words. */
export const reasonOf = (cause: unknown): string => {
  const code = (cause as { readonly code?: string }).code
  switch (code) {
    case 'ENOENT':
      return 'there is no such file or folder'
    case 'EACCES':
    case 'EPERM':
      return 'the rights are missing'
    case 'EISDIR':
      return 'it is a folder'
    default:
      return code ?? 'the system gave no reason'
  }
}
