import { join, resolve } from 'node:path'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'

/** Why ferry.yaml cannot be used; where nobody named one and there is none, that this is no project. */
export const orNoProject = (
  problems: readonly Diagnostic[],
  { directory, projectFile }: { readonly directory: string; readonly projectFile?: string },
): readonly Diagnostic[] =>
  projectFile === undefined && problems.some(({ summary }) => summary === 'File not found')
    ? [noProject(directory)]
    : problems

const noProject = (directory: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1019',
    detail: `${join(resolve(directory), 'ferry.yaml')} does not exist, so there is no project to work on.`,
    fix: 'Go to the folder of the project, name it with --chdir DIR or --project FILE, or start one with `ferry init`.',
  })
