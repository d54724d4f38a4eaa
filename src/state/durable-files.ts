import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  constants,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'

/** What the file store does to a disk: files appear whole or not at all, and stay once a call has returned. */

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
/** Ends the name of a file that is being written; after a crash such files mean nothing. */
const TEMP_SUFFIX = '.tmp'

/** The file's bytes; undefined if there is no such file. */
export const readIfThere = async (file: string): Promise<Buffer | undefined> =>
  orAbsent(() => readFile(file), file)

/**
 * The same, and all else waits: for small files of which there are many, as a promise for each took ten times the CPU of the read (0.12 ms, 0.01).
 * Who reads many lets others have their turn in between.
 */
export const readNowIfThere = (file: string): Buffer | undefined => {
  try {
    return readFileSync(file)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw unusable(error, file)
  }
}

/** In bytes; 0 if there is no such file. */
export const sizeOf = async (file: string): Promise<number> =>
  (await orAbsent(() => stat(file), file))?.size ?? 0

/** Names in a folder, sorted; none if there is no such folder. */
export const namesIn = async (folder: string): Promise<readonly string[]> =>
  ((await orAbsent(() => readdir(folder), folder)) ?? []).sort()

/** Tells a folder from another one that takes its name; undefined if there is no such folder. */
export const folderIdOf = async (folder: string): Promise<string | undefined> => {
  const found = await orAbsent(() => stat(folder, { bigint: true }), folder)
  return found && `${found.dev}:${found.ino}`
}

export const makeFolder = async (folder: string): Promise<void> => {
  const made = await usable(() => mkdir(folder, { recursive: true, mode: FOLDER_MODE }), folder)
  // The name of a new folder is durable only once its parent is.
  if (made !== undefined) await syncFolder(dirname(made))
}

/** Replaces the file's content in one step. Durable once its folder was synced. */
export const replaceFile = async (file: string, content: string): Promise<void> => {
  await withTemp(file, content, (temp) => rename(temp, file))
}

/**
 * Makes the file with its content in one step, if there is none of this name yet: of any number of callers exactly one gets true.
 * Not O_EXCL: that file would be empty for a moment, and for good after a crash in it. Durable once its folder was synced.
 */
export const claimFile = async (file: string, content: string): Promise<boolean> =>
  withTemp(file, content, async (temp) => {
    try {
      await link(temp, file)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    } finally {
      await removeFile(temp)
    }
  })

/** Appends and does not return before it is durable. Where the file is new its folder must be synced too. */
export const appendToFile = async (file: string, content: string): Promise<void> => {
  await usable(async () => {
    const handle = await open(file, 'a', FILE_MODE)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }, file)
}

/** Bytes of a file and where they are. */
export interface FilePart {
  readonly at: number
  readonly bytes: Buffer
}

/**
 * Appends to a file that is there and holds `part`, durably. False: there is no such file, it is another one, or it was moved away
 * meanwhile; what was appended is nowhere then.
 */
export const appendBehind = async (
  file: string,
  part: FilePart,
  content: string,
): Promise<boolean> => {
  const isDone = await orAbsent(async () => {
    const handle = await open(file, constants.O_RDWR | constants.O_APPEND)
    try {
      const there = Buffer.alloc(part.bytes.length)
      await handle.read(there, 0, there.length, part.at)
      if (!there.equals(part.bytes)) return false
      await handle.writeFile(content)
      await handle.sync()
      const [own, named] = [await handle.stat({ bigint: true }), await stat(file, { bigint: true })]
      return own.ino === named.ino
    } finally {
      await handle.close()
    }
  }, file)
  return isDone ?? false
}

/** Cuts the file off behind its first `length` bytes, durably. */
export const truncateFile = async (file: string, length: number): Promise<void> => {
  await usable(async () => {
    const handle = await open(file, 'r+')
    try {
      await handle.truncate(length)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }, file)
}

/** No error if it is not there. */
export const removeFile = async (file: string): Promise<void> => {
  await orAbsent(() => unlink(file), file)
}

/** Gives a folder a name that nothing has, in one step and durably. No error if it has gone there already. */
export const moveFolder = async (from: string, to: string): Promise<void> => {
  await orAbsent(() => rename(from, to), from)
  await syncFolder(dirname(to))
}

/** With all that is in it. No error if it is not there. */
export const removeFolder = async (folder: string): Promise<void> => {
  await usable(() => rm(folder, { recursive: true, force: true }), folder)
}

/** So many files are written at a time. */
const WRITERS = 16

/** Does the same with each of many files, some at a time. */
export const inParallel = async <T>(
  files: Iterable<T>,
  work: (file: T) => Promise<void>,
): Promise<void> => {
  const left = [...files]
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next)
  }
  await Promise.all(Array.from({ length: WRITERS }, worker))
}

const ABANDONED_AFTER_MS = 3_600_000

/**
 * Removes what crashed writers left behind. By age, as another process may be writing in this folder right now; `clock` is a file that
 * was just written, so that the age is in the file system's own time.
 */
export const removeAbandoned = async (folder: string, clock: string): Promise<void> => {
  const now = (await orAbsent(() => stat(clock), clock))?.mtimeMs ?? 0
  for (const name of await namesIn(folder)) {
    if (!name.startsWith('.') || !name.endsWith(TEMP_SUFFIX)) continue
    const file = join(folder, name)
    const written = (await orAbsent(() => stat(file), file))?.mtimeMs ?? now
    if (written < now - ABANDONED_AFTER_MS) await removeFile(file)
  }
}

/** Makes new, renamed and removed names in a folder durable. */
export const syncFolder = async (folder: string): Promise<void> => {
  await usable(async () => {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }, folder).catch((error: unknown) => {
    // Windows cannot open a folder, some network file systems cannot sync one: nothing more can be done there.
    if (!['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP'].includes(errnoOf((error as Error).cause)))
      throw error
  })
}

const withTemp = async <T>(
  file: string,
  content: string,
  use: (temp: string) => Promise<T>,
): Promise<T> => {
  // Beside the file: a rename or link works only within one file system.
  const temp = join(dirname(file), `.${randomBytes(8).toString('hex')}${TEMP_SUFFIX}`)
  return usable(async () => {
    const handle = await open(temp, 'wx', FILE_MODE)
    try {
      try {
        await handle.writeFile(content)
        await handle.sync()
      } finally {
        await handle.close()
      }
      return await use(temp)
    } catch (error) {
      await unlink(temp).catch(() => undefined)
      throw error
    }
  }, file)
}

const orAbsent = async <T>(action: () => Promise<T>, file: string): Promise<T | undefined> =>
  usable(async () => {
    try {
      return await action()
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  }, file)

const usable = async <T>(action: () => Promise<T>, file: string): Promise<T> => {
  try {
    return await action()
  } catch (error) {
    throw unusable(error, file)
  }
}

/** Turns what the operating system refuses into a diagnostic that names the file; all else stays what it is. */
const unusable = (error: unknown, file: string): unknown =>
  errnoOf(error) === ''
    ? error
    : new FerryError(
        diagnostic({
          code: 'FERRY1405',
          detail: `${file}: ${(error as Error).message}.`,
          fix: 'Make the folder readable and writable, with space left, on a file system with hard links; or choose another one in ferry.yaml (spec.state).',
        }),
        { cause: error },
      )

const errnoOf = (error: unknown): string => {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' ? code : ''
}
