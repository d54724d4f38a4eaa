import {
  CLUSTER_CHECKS,
  type ClusterFacts,
  type ClusterReport,
  type DoctorReport,
  MIGRATION_CHECKS,
  type MigrationFacts,
  type MigrationReport,
  readRights,
  runChecks,
  skipped,
} from '../doctor/index.ts'
import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { ClusterSpec, Migration, Project } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { type Survey, survey } from '../survey/survey.ts'
import { chosenMigrations, type SessionOptions } from './open-session.ts'

export interface ExamineOptions extends SessionOptions {
  readonly now: () => Date
}

/**
 * Looks at everything that must hold before migrations can go well. Opens no state and changes nothing.
 * 1. Read the files; any error ends it here, with all of them.
 * 2. Probe and connect to every cluster that the migrations name, or that the project has if it has no migrations.
 * 3. The checks of each cluster, then those of each migration whose clusters both answer.
 */
export const examine = async (options: ExamineOptions): Promise<DoctorReport> => {
  const { cwd, projectFile, names } = options
  const reach = { of: 'both', migrations: names } as const
  const loaded = await options.services.loadProject({ cwd, projectFile, reach })
  if (loaded.project === undefined || loaded.diagnostics.some((d) => d.severity === 'error')) {
    throw new FerryError(loaded.diagnostics)
  }
  options.warn(loaded.diagnostics)
  const { project } = loaded
  const migrations = chosenMigrations(project, options.names)
  const facts = new Map<string, ClusterFacts>()
  try {
    await Promise.all(
      clustersOf(project, migrations).map(async ([name, roles]) => {
        facts.set(name, await clusterFacts(options, project, name, roles))
      }),
    )
    const clusters: ClusterReport[] = []
    for (const [name, each] of [...facts].sort(([one], [other]) => (one < other ? -1 : 1))) {
      clusters.push({
        cluster: name,
        checks: await runChecks(CLUSTER_CHECKS, each, options.report),
      })
    }
    const surveys = new Map<string, Promise<Survey>>()
    const reports: MigrationReport[] = []
    for (const migration of migrations) {
      reports.push(await examineMigration(options, project, migration, facts, surveys))
    }
    return { clusters, migrations: reports }
  } finally {
    await Promise.allSettled([...facts.values()].map(({ cluster }) => cluster?.close()))
  }
}

const clustersOf = (
  project: Project,
  migrations: readonly Migration[],
): readonly (readonly [string, ReadonlySet<'source' | 'target'>])[] => {
  if (migrations.length === 0) return [...project.clusters.keys()].map((name) => [name, new Set()])
  const roles = new Map<string, Set<'source' | 'target'>>()
  const add = (name: string, role: 'source' | 'target'): void => {
    roles.set(name, (roles.get(name) ?? new Set()).add(role))
  }
  for (const { from, to } of migrations) {
    add(from, 'source')
    add(to, 'target')
  }
  return [...roles]
}

const clusterFacts = async (
  { services, report, signal, now }: ExamineOptions,
  project: Project,
  name: string,
  roles: ReadonlySet<'source' | 'target'>,
): Promise<ClusterFacts> => {
  report(`tries every address of ${name}`)
  const probe = await services.probeCluster(project, name)
  // The parsers made sure that every cluster a migration names exists.
  const spec = project.clusters.get(name) as ClusterSpec
  let cluster: Cluster | undefined
  let connectProblems: readonly Diagnostic[] = []
  if (probe.bootstrap.some(({ problem }) => problem === undefined)) {
    try {
      cluster = await services.connectCluster(project, name, signal)
    } catch (error) {
      if (!(error instanceof FerryError)) throw error
      connectProblems = error.diagnostics
    }
  }
  return { spec, probe, cluster, connectProblems, roles, now }
}

const examineMigration = async (
  { services, report, signal, now }: ExamineOptions,
  project: Project,
  migration: Migration,
  clusters: ReadonlyMap<string, ClusterFacts>,
  surveys: Map<string, Promise<Survey>>,
): Promise<MigrationReport> => {
  const { name, from, to } = migration
  const [source, target] = [clusters.get(from), clusters.get(to)]
  const head = { migration: name, from, to }
  if (!isConnected(source) || !isConnected(target)) {
    const missing = isConnected(source) ? to : from
    const because = `${missing} could not be connected to`
    return { ...head, checks: skipped(MIGRATION_CHECKS, because), rights: undefined }
  }
  report(`reads ${from} and ${to} for ${name}`)
  const pair = { source: source.cluster, target: target.cluster }
  const facts: MigrationFacts = {
    project,
    migration,
    source,
    target,
    observed: await services.observe(pair, migration, now, signal),
    survey: () => {
      const made = surveys.get(from) ?? survey(source.cluster)
      surveys.set(from, made)
      return made
    },
    signal,
  }
  const checks = await runChecks(MIGRATION_CHECKS, facts, report)
  return { ...head, checks, rights: await readRights(facts) }
}

const isConnected = (
  facts: ClusterFacts | undefined,
): facts is ClusterFacts & { readonly cluster: Cluster } => facts?.cluster !== undefined
