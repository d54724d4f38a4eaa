import { chmod, rename, rm, stat, writeFile } from 'node:fs/promises'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'

/**
 * Writes a file that somebody named: replaces it at once or not at all. FERRY1111 says why it could not. A pipe or a device, such as
 * `/dev/null`, is written to: replaced it would be one no more, for everybody on the machine.
 */
export const replaceText = async (
  path: string,
  text: string | Iterable<string>,
  mode = 0o644,
): Promise<void> => {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    if (await isNoPlace(path)) return await writeFile(path, text)
    await writeFile(temporary, text, { mode, flag: 'wx' })
    await chmod(temporary, mode)
    await rename(temporary, path)
  } catch (cause) {
    // What cannot be taken away again, where the folder may not be written to, must not hide why.
    await rm(temporary, { force: true }).catch(() => undefined)
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

/** What is there and is neither a file nor a folder. */
const isNoPlace = async (path: string): Promise<boolean> => {
  const there = await stat(path).catch(() => undefined)
  return there !== undefined && !there.isFile() && !there.isDirectory()
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
    case 'ENOTDIR':
      return 'a part of its path is a file, not a folder'
    case 'EROFS':
      return 'it is on a file system that is read-only'
    case 'EBUSY':
      return 'it is in use: a mount of its own, as a container has it, cannot be replaced'
    case 'ENAMETOOLONG':
      return 'its name is too long to write a new text beside it'
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space is left for it'
    case 'ENOTFILE':
      return 'it is a pipe, a socket or a device'
    case 'ELOOP':
      return 'it is a symbolic link that leads back to itself'
    case 'ERR_FS_FILE_TOO_LARGE':
    case 'ERR_STRING_TOO_LONG':
      return 'it is far too large'
    default:
      return code ?? 'the system gave no reason'
  }
}
