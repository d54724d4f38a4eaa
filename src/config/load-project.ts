import { basename, dirname, extname, resolve } from 'node:path'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import type { Project } from '../domain/migration.ts'
import { checkProject, type ProjectParts } from './check-project.ts'
import { type Glob, globOnDisk, isGlob } from './globs.ts'
import { orNoProject } from './no-project.ts'
import { type OpenedFile, openFile } from './open-file.ts'
import { parseCluster } from './parse-cluster.ts'
import { parseMigration } from './parse-migration.ts'
import { type FilePattern, parseProject } from './parse-project.ts'
import { hasErrors, inReadingOrder, type Problems } from './problems.ts'
import type { ClusterFile, MigrationFile, ProjectFile } from './raw-files.ts'
import { type Reach, withinReach } from './reach.ts'
import { type ReadFile, readFromDisk } from './read-file.ts'
import type { SchemaKind } from './schema.ts'
import { quote } from './words.ts'

export interface LoadOptions {
  /** `--chdir`, or the working directory: ferry.yaml is looked for there and nowhere above. */
  readonly directory: string
  /** `--project`, relative to `directory`. */
  readonly projectFile?: string
  /** For `${env:}`. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absent: everything, and every secret must be there. */
  readonly reach?: Reach
  readonly readFile?: ReadFile
  readonly glob?: Glob
}

export interface LoadResult {
  /** Undefined if and only if a diagnostic is an error. */
  readonly project?: Project
  /** By file, line and column. Places hold absolute paths. */
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Reads ferry.yaml and all files that it names, and finds everything that is wrong with them without asking a broker:
 * 1. ferry.yaml, 2. cluster files, 3. migrations, 4. what only shows over several files. Never throws for what a file holds.
 */
export const loadProject = async (options: LoadOptions): Promise<LoadResult> => {
  const from = { env: options.env, readFile: options.readFile ?? readFromDisk }
  const file = resolve(options.directory, options.projectFile ?? 'ferry.yaml')
  const main = await openFile<ProjectFile>(file, 'project', from)
  const problems: Problems = [...main.problems]
  if (main.opened === undefined) {
    return { diagnostics: orNoProject(problems, options) }
  }
  const { parsed, problems: projectProblems } = parseProject(main.opened)
  problems.push(...projectProblems)

  const find = (patterns: readonly FilePattern[]) =>
    findFiles(patterns, main.opened!, options.glob ?? globOnDisk, problems)
  const open = async <Raw>({ path, at }: FoundFile, kind: SchemaKind) => {
    const { opened, problems: found } = await openFile<Raw>(path, kind, from)
    // What cannot be read has no place of its own; who named it has.
    return {
      opened,
      problems: found.map((one) => (at && one.at === undefined ? { ...one, at } : one)),
    }
  }
  const clusters: ProjectParts['clusters'][number][] = []
  let knowsAllClusters = main.opened.isWhole('/spec/clusters')
  const clusterFiles = await find(parsed.clusterFiles)
  const openCluster = (found: FoundFile) => open<ClusterFile>(found, 'cluster')
  for (const { opened, problems: found } of await mapInBatches(clusterFiles, openCluster)) {
    problems.push(...found)
    if (opened?.raw.metadata?.name === undefined) knowsAllClusters = false
    if (opened === undefined) continue
    const { cluster, problems: more } = parseCluster(opened, parsed.project.policy.allowedHosts)
    problems.push(...more)
    clusters.push({ spec: cluster, nameAt: checkedName(opened, problems) })
  }
  const migrations: ProjectParts['migrations'][number][] = []
  const migrationFiles = await find(parsed.migrationFiles)
  const openMigration = (found: FoundFile) => open<MigrationFile>(found, 'migration')
  for (const { opened, problems: found } of await mapInBatches(migrationFiles, openMigration)) {
    problems.push(...found)
    if (opened === undefined) continue
    const { parsed: migration, problems: more } = parseMigration(opened)
    problems.push(...more)
    migrations.push({ ...migration, nameAt: checkedName(opened, problems) })
  }

  const { stateCluster } = parsed
  const { state } = parsed.project
  const stateTopic = state.store === 'kafka' ? state : undefined
  problems.push(
    ...checkProject({ clusters, migrations, knowsAllClusters, stateCluster, stateTopic }),
  )
  const within = withinReach(problems, options.reach, {
    state,
    clusters: clusters.map(({ spec }) => spec),
    migrations: migrations.map(({ migration }) => migration),
  })
  const diagnostics = inReadingOrder(within.problems)
  if (hasErrors(diagnostics)) return { diagnostics }
  return {
    project: {
      ...parsed.project,
      clusters: new Map(clusters.map(({ spec }) => [spec.name, spec])),
      migrations: new Map(migrations.map(({ migration }) => [migration.name, migration])),
      unresolved: within.unresolved,
    },
    diagnostics,
  }
}

/** Few at a time: waiting for each file in turn is slow on network disks, and all at once runs out of file handles. */
const mapInBatches = async <From, To>(
  items: readonly From[],
  work: (item: From) => Promise<To>,
): Promise<readonly To[]> => {
  const done: To[] = []
  for (let i = 0; i < items.length; i += BATCH) {
    done.push(...(await Promise.all(items.slice(i, i + BATCH).map(work))))
  }
  return done
}
const BATCH = 32

/** `at` is where ferry.yaml names just this file. */
interface FoundFile {
  readonly path: string
  readonly at: Place | undefined
}

const findFiles = async (
  patterns: readonly FilePattern[],
  { document }: OpenedFile<ProjectFile>,
  glob: Glob,
  problems: Problems,
): Promise<readonly FoundFile[]> => {
  const found = new Map<string, FoundFile>()
  for (const { pattern, pointer } of patterns) {
    const files = await glob(pattern, dirname(document.file))
    const at = isGlob(pattern) ? undefined : document.at(pointer)
    for (const path of files) found.set(path, { path, at: at ?? found.get(path)?.at })
    if (files.length > 0 || !isGlob(pattern)) continue
    problems.push(
      diagnostic({
        code: 'FERRY1020',
        severity: 'warning',
        detail: `No file matches ${quote(pattern)} below ${dirname(document.file)}.`,
        fix: `${
          /^\/spec\/clusters(\/|$)/.test(pointer)
            ? 'Add a file there, or correct spec.clusters'
            : 'Add a file there, as `ferry import` writes it, or correct spec.migrations'
        }; .yml is another extension than .yaml.`,
        at: document.at(pointer),
      }),
    )
  }
  return [...found.values()].sort((one, other) => (one.path < other.path ? -1 : 1))
}

/** Where the name stands; a name that is not the file's gets a warning, since people look for the file by it. */
const checkedName = (opened: OpenedFile<ClusterFile | MigrationFile>, problems: Problems) => {
  const { document, raw } = opened
  const at = document.at('/metadata/name')
  const name = raw.metadata?.name
  const fileName = basename(document.file, extname(document.file))
  if (name !== undefined && name !== fileName) {
    problems.push(
      diagnostic({
        code: 'FERRY1048',
        severity: 'warning',
        detail: `The file is called ${quote(basename(document.file))}, but metadata.name is ${quote(name)}; commands take the name.`,
        fix: `Call the file ${name}${extname(document.file)}, or the other way round.`,
        at,
      }),
    )
  }
  return at
}
