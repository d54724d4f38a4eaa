import { access, constants, realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { formatYaml, projectFiles, readFromDisk, readTextFile } from '../config/index.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import { reasonOf, replaceText } from './write-text.ts'

export interface FormatResult {
  /** Absolute paths of the files that are not, or were not, in canonical form. */
  readonly changed: readonly string[]
  readonly unchanged: number
  readonly problems: readonly Diagnostic[]
}

/** Brings files into canonical form, or only looks. Files that are broken, or that cannot be written, are reported and left alone; the others are done all the same. */
export const formatFiles = async (options: {
  readonly cwd: string
  readonly projectFile: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Empty: all of the project. */
  readonly files: readonly string[]
  readonly write: boolean
}): Promise<FormatResult> => {
  const { cwd, projectFile, env } = options
  const files =
    options.files.length > 0
      ? options.files.map((file) => resolve(cwd, file))
      : await projectFiles({ directory: cwd, env, ...(projectFile && { projectFile }) })
  const changed: string[] = []
  const problems: Diagnostic[] = []
  let unchanged = 0
  for (const file of files) {
    const source = await readTextFile(file, readFromDisk)
    if ('problem' in source) {
      problems.push(source.problem)
      continue
    }
    const formatted = await formatYaml(source)
    if ('problems' in formatted) problems.push(...formatted.problems)
    else if (formatted.text === source.text) unchanged++
    else {
      const problem = options.write ? await save(file, formatted.text) : undefined
      if (problem === undefined) changed.push(file)
      else problems.push(problem)
    }
  }
  return { changed, unchanged, problems }
}

/** A link goes on pointing to its file, which keeps its rights; one that may not be written is not replaced either. Undefined: it is written. */
const save = async (file: string, text: string): Promise<Diagnostic | undefined> => {
  try {
    const real = await realpath(file)
    await access(real, constants.W_OK)
    await replaceText(real, text, (await stat(real)).mode & 0o7777)
    return undefined
  } catch (error) {
    const cause = error instanceof FerryError ? error.cause : error
    return diagnostic({
      code: 'FERRY1111',
      detail: `${file} cannot be written: ${reasonOf(cause)}.`,
      fix: 'See that this user may write the file, and to its folder, and that both are on a file system that takes it. `ferry fmt --check` only reads.',
    })
  }
}
