import type { LoadedProject } from '../app/services.ts'
import { sortedOnce } from './diagnostics.ts'
import { OUTPUT_FORMAT_VERSION, renderJson } from './json.ts'
import { count } from './text.ts'

/** `3 files are valid.` */
export const renderValidated = (loaded: LoadedProject): string => {
  const files = filesOf(loaded)
  return `${count(files, 'file')} ${files === 1 ? 'is' : 'are'} valid.\n`
}

/** ferry.yaml, and one for each cluster and migration. */
const filesOf = ({ project }: LoadedProject): number =>
  project === undefined ? 0 : 1 + project.clusters.size + project.migrations.size

export const renderValidateJson = (loaded: LoadedProject): string =>
  renderJson({
    formatVersion: OUTPUT_FORMAT_VERSION,
    ok: !loaded.diagnostics.some((each) => each.severity === 'error'),
    files: filesOf(loaded),
    problems: sortedOnce(loaded.diagnostics),
  })
