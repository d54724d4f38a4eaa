import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'

/** Reads a file, at most one byte more than `maxBytes`, so that a huge one is noticed but not loaded. Throws as node:fs does. */
export type ReadFile = (path: string, maxBytes: number) => Promise<Uint8Array>

/** More than 20,000 topics. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024

/** A file as text, without byte order mark. `digest` is the SHA-256 of its bytes, hex. */
export interface TextFile {
  readonly file: string
  readonly text: string
  readonly digest: string
}

/** What a shell or a caller opened for Ferry: `<(...)` is `/dev/fd/63`. Somebody writes there, or it is at its end. */
const HANDED_OVER = /^\/(dev|proc)\//

/**
 * Throws, with the code ENOTFILE, for a pipe, a socket or a device elsewhere: opening a pipe that nobody writes to waits for ever, in a thread
 * that no signal reaches. Throws as node:fs does where nothing is there.
 */
export const refuseNoFile = async (path: string): Promise<void> => {
  if (HANDED_OVER.test(path)) return
  const there = await stat(path)
  // A folder fails by itself when it is read.
  if (there.isFile() || there.isDirectory()) return
  throw Object.assign(new Error(`${path} is no regular file`), { code: 'ENOTFILE' })
}

/** {@link ReadFile} on the real file system. */
export const readFromDisk: ReadFile = async (path, maxBytes) => {
  await refuseNoFile(path)
  const handle = await open(path, 'r')
  try {
    const chunks: Buffer[] = []
    let total = 0
    // Not stat and one read: the size of a pipe (bash's `<(...)`) or of a file in /proc is 0.
    while (total <= maxBytes) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(65_536), 0, 65_536, null)
      if (bytesRead === 0) break
      total += bytesRead
      chunks.push(buffer.subarray(0, bytesRead))
    }
    return Buffer.concat(chunks).subarray(0, maxBytes + 1)
  } finally {
    await handle.close()
  }
}

/** Why a read failed, in words; node's own text would repeat the path. */
export const readFailure = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user'
  if (code === 'EISDIR') return 'is a folder'
  if (code === 'ENOTFILE') return 'is a pipe, a socket or a device'
  if (code === 'ELOOP') return 'is a symbolic link that leads back to itself'
  return `cannot be read (${typeof code === 'string' ? code : 'unknown reason'})`
}

/** A file of the project as text, or what is wrong with it. What cannot be read at all has no place: the sentence names it. */
export const readTextFile = async (
  file: string,
  readFile: ReadFile,
): Promise<TextFile | { readonly problem: Diagnostic }> => {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file, MAX_FILE_BYTES)
  } catch (error) {
    const why = readFailure(error)
    return {
      problem: diagnostic({
        code: 'FERRY1001',
        ...(why === 'does not exist' ? {} : { summary: 'File cannot be read' }),
        detail: `${file} ${why}.`,
        fix:
          why === 'is a folder'
            ? 'Name a file. Where one is mounted, see that it exists outside: a mount makes a folder of what is not there.'
            : 'Check the path, and that it is a file which the user running Ferry may read.',
      }),
    }
  }
  const at: Place = { file, line: 1, column: 1, pointer: '' }
  if (bytes.length > MAX_FILE_BYTES) {
    return {
      problem: diagnostic({
        code: 'FERRY1002',
        detail: `${file} is larger than 4 MiB, the most that Ferry reads.`,
        fix: 'Check the path; if it is right, divide the file into several migrations.',
        at,
      }),
    }
  }
  try {
    // Drops the byte order mark, so that columns count from the first real character.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { file, text, digest: createHash('sha256').update(bytes).digest('hex') }
  } catch {
    return {
      problem: diagnostic({
        code: 'FERRY1003',
        detail: `${file} holds bytes that are not UTF-8.`,
        fix: 'Save the file as UTF-8.',
        at,
      }),
    }
  }
}
