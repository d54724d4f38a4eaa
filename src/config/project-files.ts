import { dirname, resolve } from 'node:path'
import { FerryError } from '../domain/diagnostic.ts'
import { globOnDisk } from './globs.ts'
import { orNoProject } from './no-project.ts'
import { openFile } from './open-file.ts'
import { parseProject } from './parse-project.ts'
import type { ProjectFile } from './raw-files.ts'
import { readFromDisk } from './read-file.ts'

/** The absolute paths of ferry.yaml and of all files that it names, in their order. Throws FerryError if ferry.yaml cannot be read. */
export const projectFiles = async (options: {
  readonly directory: string
  readonly projectFile?: string
  readonly env: Readonly<Record<string, string | undefined>>
}): Promise<readonly string[]> => {
  const file = resolve(options.directory, options.projectFile ?? 'ferry.yaml')
  const source = { env: options.env, readFile: readFromDisk }
  const main = await openFile<ProjectFile>(file, 'project', source)
  if (main.opened === undefined) throw new FerryError(orNoProject(main.problems, options))
  const { clusterFiles, migrationFiles } = parseProject(main.opened).parsed
  const found = await Promise.all(
    [...clusterFiles, ...migrationFiles].map(({ pattern }) => globOnDisk(pattern, dirname(file))),
  )
  return [file, ...new Set(found.flat().sort())]
}
