import type { Diagnostic } from '../domain/diagnostic.ts'
import type { ClusterSpec, Migration, Project } from '../domain/migration.ts'

/**
 * What is going to be asked: the secrets of nothing else need be there.
 * `both`: both clusters of these migrations; `sources`: their sources; `store`: no cluster but the one that the state is on.
 */
export type Reach =
  | {
      readonly of: 'both' | 'sources' | 'store' /** Empty: all. */
      readonly migrations: readonly string[]
    }
  | { readonly of: 'clusters'; readonly clusters: readonly string[] }

/** References that lead nowhere here: on another machine, or with another environment, they may be followed. */
const isAboutSecret = ({ code }: Diagnostic): boolean =>
  code === 'FERRY1022' || code === 'FERRY1023'

/** Divides what was found into what stands in the way of the reach, and what is missing outside of it, by file. */
export const withinReach = (
  problems: readonly Diagnostic[],
  reach: Reach | undefined,
  parts: {
    readonly state: Project['state']
    readonly clusters: readonly ClusterSpec[]
    readonly migrations: readonly Migration[]
  },
): {
  readonly problems: readonly Diagnostic[]
  readonly unresolved: ReadonlyMap<string, readonly Diagnostic[]>
} => {
  const unresolved = new Map<string, readonly Diagnostic[]>()
  if (reach === undefined) return { problems, unresolved }
  const needed = neededFiles(reach, parts)
  const inWay = problems.filter((problem) => {
    const { at } = problem
    if (at === undefined || !isAboutSecret(problem) || needed.has(at.file)) return true
    unresolved.set(at.file, [...(unresolved.get(at.file) ?? []), problem])
    return false
  })
  return { problems: inWay, unresolved }
}

const neededFiles = (
  reach: Reach,
  { state, clusters, migrations }: Parameters<typeof withinReach>[2],
): ReadonlySet<string> => {
  const names = new Set<string>()
  const files = new Set<string>()
  if (reach.of === 'clusters') for (const name of reach.clusters) names.add(name)
  else if (reach.of === 'both' && migrations.length === 0) {
    // `doctor` looks at all of a project that is just begun.
    for (const { name } of clusters) names.add(name)
  } else {
    // `graph` and `import` open no state.
    if (reach.of !== 'sources' && state.store === 'kafka') names.add(state.cluster)
    const isChosen = ({ name }: Migration) =>
      reach.migrations.length === 0 || reach.migrations.includes(name)
    for (const migration of reach.of === 'store' ? [] : migrations.filter(isChosen)) {
      names.add(migration.from)
      if (reach.of === 'sources') continue
      names.add(migration.to)
      files.add(migration.file)
    }
  }
  for (const { name, file } of clusters) if (names.has(name)) files.add(file)
  return files
}
