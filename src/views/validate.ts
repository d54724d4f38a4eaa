import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Project } from '../domain/migration.ts'
import { sortedOnce } from './diagnostics.ts'
import { OUTPUT_FORMAT_VERSION, renderJson } from './json.ts'
import { count } from './text.ts'

/** What was found in the files; no project if they cannot be used. */
export interface ValidatedProject {
  readonly project?: Project | undefined
  readonly diagnostics: readonly Diagnostic[]
}

/** `3 files are valid.` */
export const renderValidated = (loaded: ValidatedProject): string => {
  const files = filesOf(loaded)
  return `${count(files, 'file')} ${files === 1 ? 'is' : 'are'} valid.\n`
}

/** ferry.yaml, and one for each cluster and migration. */
const filesOf = ({ project }: ValidatedProject): number =>
  project === undefined ? 0 : 1 + project.clusters.size + project.migrations.size

export const renderValidateJson = (loaded: ValidatedProject): string =>
  renderJson({
    formatVersion: OUTPUT_FORMAT_VERSION,
    ok: !loaded.diagnostics.some((each) => each.severity === 'error'),
    files: filesOf(loaded),
    problems: sortedOnce(loaded.diagnostics),
  })
