import { dirname, resolve } from 'node:path'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import type { Project } from '../domain/migration.ts'
import type { OpenedFile } from './open-file.ts'
import type { Problems } from './problems.ts'
import type { ProjectFile } from './raw-files.ts'

/** One glob of ferry.yaml, and where it stands. */
export interface FilePattern {
  readonly pattern: string
  readonly pointer: string
}

/** ferry.yaml, without the files that it names. */
export interface ParsedProject {
  readonly project: Omit<Project, 'clusters' | 'migrations'>
  readonly clusterFiles: readonly FilePattern[]
  readonly migrationFiles: readonly FilePattern[]
  /** The cluster of the state topic, and where it is named; undefined with the file store. */
  readonly stateCluster: { readonly name: string; readonly at: Place } | undefined
}

export const parseProject = (
  opened: OpenedFile<ProjectFile>,
): { readonly parsed: ParsedProject; readonly problems: readonly Diagnostic[] } => {
  const { raw, document } = opened
  const problems: Problems = []
  const folder = dirname(document.file)
  const policy = raw.spec?.policy
  const state = parseState(opened, folder, problems)
  return {
    parsed: {
      project: {
        name: raw.metadata?.name ?? '',
        file: document.file,
        state,
        policy: {
          maxDestroy: policy?.maxDestroy ?? 0,
          allowedHosts: policy?.allowedHosts?.filter((host) => host !== undefined),
        },
      },
      clusterFiles: patternsOf(raw.spec?.clusters ?? 'clusters/*.yaml', '/spec/clusters'),
      migrationFiles: patternsOf(raw.spec?.migrations ?? 'plans/*.yaml', '/spec/migrations'),
      stateCluster:
        state.store === 'kafka'
          ? { name: state.cluster, at: document.at('/spec/state/cluster') }
          : undefined,
    },
    problems,
  }
}

const patternsOf = (
  value: string | readonly (string | undefined)[],
  pointer: string,
): readonly FilePattern[] =>
  typeof value === 'string'
    ? [{ pattern: value, pointer }]
    : value.flatMap((pattern, i) =>
        pattern === undefined ? [] : [{ pattern, pointer: `${pointer}/${i}` }],
      )

const parseState = (
  { raw, document }: OpenedFile<ProjectFile>,
  folder: string,
  problems: Problems,
): Project['state'] => {
  const state = raw.spec?.state
  const doesNotGo = (key: 'directory' | 'cluster' | 'topic', store: string) => {
    if (state?.[key] === undefined) return
    problems.push(
      diagnostic({
        code: 'FERRY1051',
        detail: `spec.state.${key} means nothing with store: ${store}.`,
        fix: `Remove it, or choose the other store.`,
        at: document.at(`/spec/state/${key}`, 'key'),
      }),
    )
  }
  if (state?.store !== 'kafka') {
    if (state?.store === 'file') {
      doesNotGo('cluster', 'file')
      doesNotGo('topic', 'file')
    }
    return { store: 'file', directory: resolve(folder, state?.directory ?? '.ferry') }
  }
  doesNotGo('directory', 'kafka')
  if (state.cluster === undefined) {
    problems.push(
      diagnostic({
        code: 'FERRY1051',
        detail: 'store: kafka needs the cluster that holds the state topic.',
        fix: 'Add cluster, for example cluster: new-idc.',
        at: document.at('/spec/state', 'key'),
      }),
    )
  }
  return { store: 'kafka', cluster: state.cluster ?? '', topic: state.topic ?? '__ferry_state' }
}
