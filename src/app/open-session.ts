import { basename, extname } from 'node:path'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { Migration, Project } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { StateStore } from '../state/state-store.ts'
import type { Clusters } from '../steps/step-kind.ts'
import { nearMatches } from './near-matches.ts'
import type { Services } from './services.ts'

export interface SessionOptions {
  readonly services: Services
  readonly cwd: string
  /** As given with --project; absent: ferry.yaml in `cwd`. */
  readonly projectFile: string | undefined
  /** The migrations to work on; empty: all of the project. */
  readonly names: readonly string[]
  /** `store`: no cluster but the one that the state is on; default: both clusters of the migrations, too. */
  readonly reach?: 'both' | 'store'
  /** What is being done, for the live line. */
  readonly report: (line: string) => void
  /** Findings that stop nothing. */
  readonly warn: (diagnostics: readonly Diagnostic[]) => void
  /** Ends every wait of the connections; for verbs that finish a step first it is the second interrupt. */
  readonly signal: AbortSignal
}

/** A project, opened: what every verb that asks a cluster or the state begins with. Close it, whatever happened. */
export interface Session {
  readonly project: Project
  /** Those asked for, in the order asked for; all of them by name otherwise. */
  readonly migrations: readonly Migration[]
  readonly store: StateStore
  /** Both clusters of a migration, connected at the first call and checked against their pinned ids. */
  clustersOf(migration: Migration): Promise<Clusters>
  /** One cluster by its name in the project, connected and checked likewise. */
  cluster(name: string): Promise<Cluster>
  close(): Promise<void>
}

/**
 * 1. Read and check all files of the project; any error ends it here, with all of them.
 * 2. Find the named migrations.
 * 3. Open the state store. Clusters are connected only when they are asked for.
 */
export const openSession = async (options: SessionOptions): Promise<Session> => {
  const { services, cwd, projectFile, names } = options
  const reach = { of: options.reach ?? 'both', migrations: names } as const
  const loaded = await services.loadProject({ cwd, projectFile, reach })
  if (loaded.project === undefined || loaded.diagnostics.some((d) => d.severity === 'error')) {
    throw new FerryError(loaded.diagnostics)
  }
  options.warn(loaded.diagnostics)
  const { project } = loaded
  const migrations = chosenMigrations(project, options.names)
  const connections = new Map<string, Promise<Cluster>>()
  const connected = (name: string): Promise<Cluster> => {
    const known = connections.get(name)
    if (known !== undefined) return known
    options.report(`connects to ${name}`)
    const connecting = services.connectCluster(project, name, options.signal)
    connections.set(name, connecting)
    return connecting
  }
  const store = await services.openStore(project, connected, {
    report: options.report,
    signal: options.signal,
  })
  return {
    project,
    migrations,
    store,
    cluster: connected,
    clustersOf: async (migration) => {
      const [source, target] = await bothOrEveryProblem(
        connected(migration.from),
        connected(migration.to),
      )
      return { source, target }
    },
    close: async () => {
      await store.close()
      const settled = await Promise.allSettled(connections.values())
      await Promise.allSettled(
        settled.map((each) => (each.status === 'fulfilled' ? each.value.close() : undefined)),
      )
    },
  }
}

/** The named migrations, each once; all of the project where none is named. Unknown names are reported together. */
export const chosenMigrations = (
  project: Project,
  names: readonly string[],
): readonly Migration[] => {
  const known = [...project.migrations.keys()].sort()
  const wanted = names.length === 0 ? known : [...new Set(names)]
  const unknown = wanted.filter((name) => !project.migrations.has(name))
  if (unknown.length > 0) {
    throw new FerryError(
      unknown.map((name) =>
        diagnostic({
          code: 'FERRY1104',
          detail: `The project has no migration ${JSON.stringify(name)}.`,
          fix: fixOfName(name, project),
        }),
      ),
    )
  }
  return wanted.map((name) => project.migrations.get(name) as Migration)
}

/** Who gives the file of a migration means the migration. */
const fixOfName = (name: string, { migrations }: Project): string => {
  const isFile = /\.ya?ml$/i.test(name)
  const named = basename(name, extname(name))
  const meant = [...migrations.values()].find(
    (one) => basename(one.file) === basename(name) || one.name === named,
  )
  return isFile && meant !== undefined
    ? `Did you mean ${meant.name}? A verb takes the name of a migration, not its file.`
    : nearMatches(name, [...migrations.keys()].sort(), 'migrations')
}

/** Throws FERRY1104 for a name that no file has and nothing is recorded of: a state outlives the file of its migration. */
export const refuseUnknownName = async (
  { project, store }: Pick<Session, 'project' | 'store'>,
  name: string,
): Promise<void> => {
  if (project.migrations.has(name)) return
  const recorded = await store.list()
  if (recorded.includes(name)) return
  const known = [...new Set([...project.migrations.keys(), ...recorded])].sort()
  throw new FerryError(
    diagnostic({
      code: 'FERRY1104',
      detail: `The project has no migration ${JSON.stringify(name)}, and nothing is recorded of one.`,
      fix: nearMatches(name, known, 'migrations'),
    }),
  )
}

/** Both at once, so that two broken connections are two messages in one run, not in two. */
const bothOrEveryProblem = async <T>(one: Promise<T>, other: Promise<T>): Promise<[T, T]> => {
  const settled = await Promise.allSettled([one, other])
  const [first, second] = settled
  if (first.status === 'fulfilled' && second.status === 'fulfilled') {
    return [first.value, second.value]
  }
  const reasons = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  const strange = reasons.find((reason) => !(reason instanceof FerryError))
  if (strange !== undefined) throw strange
  throw new FerryError(
    reasons.flatMap((reason) => (reason as FerryError).diagnostics),
    {
      cause: reasons[0],
    },
  )
}
