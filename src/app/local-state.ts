import { hostname } from 'node:os'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Project } from '../domain/migration.ts'
import type { MirrorProcess } from './mirror-processes.ts'

const isLocal = ({ state }: Pick<Project, 'state'>): boolean => state.store === 'file'

const FIX =
  'Keep the state where all of them find it: `state: { store: kafka, cluster: NAME }` in ferry.yaml. docs/state.md says how it moves there.'

/** `store: file` is for one machine; a job of a pipeline has one of its own each time. CI systems set `CI`. */
export const localInPipeline = (
  project: Pick<Project, 'state'>,
  env: Readonly<Record<string, string | undefined>>,
): readonly Diagnostic[] => {
  const isPipeline = !['', '0', 'false', undefined].includes(env.CI?.toLowerCase())
  if (!isLocal(project) || !isPipeline) return []
  return [
    diagnostic({
      code: 'FERRY1423',
      severity: 'warning',
      detail:
        'This is a pipeline (CI is set), and the state is in a folder of its machine (store: file): the next job does not find it, and another may apply at the same time.',
      fix: FIX,
    }),
  ]
}

/** What a mirror on another machine records of its copy is not in this folder. */
export const localBesideMirror = (
  project: Pick<Project, 'state'>,
  processes: readonly MirrorProcess[] | undefined,
  here = hostname(),
): readonly Diagnostic[] => {
  const elsewhere = [...new Set(processes?.map(({ host }) => host))].filter((host) => host !== here)
  if (!isLocal(project) || elsewhere.length === 0) return []
  return [
    diagnostic({
      code: 'FERRY1423',
      severity: 'warning',
      detail: `A mirror of this project runs on ${elsewhere.sort().join(', ')}, and the state is in a folder of ${here} (store: file): what that mirror records, the offset index too, is not here.`,
      fix: FIX,
    }),
  ]
}
