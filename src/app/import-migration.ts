import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatYaml } from '../config/index.ts'
import { type Answers, valuesOf } from '../domain/answers.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { GroupId, TopicName } from '../domain/ids.ts'
import type { Project } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { survey } from '../survey/survey.ts'
import { closureOf, tiesOf } from '../survey/ties.ts'
import { type AccessScope, aclsInScope, type SourceAccess, usersOf } from './import-access.ts'
import { type ImportedMigration, migrationText } from './import-text.ts'
import { nearMatches } from './near-matches.ts'
import type { SessionOptions } from './open-session.ts'

export interface ImportOptions extends Omit<SessionOptions, 'names'> {
  readonly from: string
  readonly to: string
  readonly topics: readonly TopicName[]
  readonly groups: readonly GroupId[]
  readonly name: string
  /** Absolute path. */
  readonly file: string
  readonly now: () => Date
}

export interface ImportResult {
  readonly file: string
  readonly imported: ImportedMigration
  readonly warnings: readonly Diagnostic[]
}

/**
 * Writes a migration from what a live cluster holds. Reads clusters only, and overwrites nothing.
 * 1. Find the clusters in the project.
 * 2. Survey the source; what was asked for must be there.
 * 3. Take in everything that shares topics with it, over any number of hops; nothing of it may belong to another migration.
 * 4. Read the topics, the groups, and who may use them; write the file, and see that the project is valid with it.
 */
export const importMigration = async (options: ImportOptions): Promise<ImportResult> => {
  const { services, report, signal, name, file, cwd, projectFile } = options
  const reach = { of: 'clusters', clusters: [options.from, options.to] } as const
  const loaded = await services.loadProject({ cwd, projectFile, reach })
  if (loaded.project === undefined) throw new FerryError(loaded.diagnostics)
  const { project } = loaded
  checkNames(project, options)
  report(`connects to ${options.from} and ${options.to}`)
  const source = await services.connectCluster(project, options.from, signal)
  try {
    const target = await services.connectCluster(project, options.to, signal)
    try {
      const imported = await readMigration(project, source, target, options)
      const text = await canonical(migrationText(imported, options.now()), file)
      await writeNew(file, text)
      const after = await services.loadProject({ cwd, projectFile, reach })
      return { file, imported, warnings: warningsOf(after.diagnostics, after.project, name, file) }
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

const checkNames = (project: Project, { from, to, name }: ImportOptions): void => {
  const problems: Diagnostic[] = [from, to]
    .filter((cluster) => !project.clusters.has(cluster))
    .map((cluster) =>
      diagnostic({
        code: 'FERRY1030',
        detail: `No cluster file has the name ${JSON.stringify(cluster)}.`,
        fix: nearMatches(cluster, [...project.clusters.keys()].sort(), 'clusters'),
      }),
    )
  if (from === to) {
    problems.push(
      diagnostic({
        code: 'FERRY1031',
        detail: `--from and --to are both ${JSON.stringify(to)}; topics would be mirrored onto themselves.`,
        fix: 'Name two different clusters.',
      }),
    )
  }
  const known = project.migrations.get(name)
  if (known !== undefined) {
    problems.push(
      diagnostic({
        code: 'FERRY2011',
        detail: `The project has a migration ${name} already, in ${known.file}.`,
        fix: 'Give another name with --name.',
      }),
    )
  }
  if (problems.length > 0) throw new FerryError(problems)
}

const readMigration = async (
  project: Project,
  source: Cluster,
  target: Cluster,
  options: ImportOptions,
): Promise<ImportedMigration> => {
  const { from, to, name, topics, groups, report } = options
  report(`surveys ${from}`)
  const seen = await survey(source)
  const missing = [
    ...topics.filter((topic) => !seen.topics.has(topic)).map((topic) => `topic ${topic}`),
    ...groups.filter((group) => !seen.groups.has(group)).map((group) => `group ${group}`),
  ]
  if (missing.length > 0) {
    // What could not be read may be what is missing.
    throw new FerryError([...seen.unread, ...missing.map((what) => notThere(what, from))])
  }
  const closure = closureOf(tiesOf(seen), { topics, groups })
  const taken = [...project.migrations.values()].flatMap((migration) =>
    migration.from !== from
      ? []
      : [
          ...migration.topics
            .filter((topic) => closure.topics.includes(topic.name))
            .map((topic) => takenBy(`topic ${topic.name}`, migration.name, topic.at)),
          ...migration.groups
            .filter(({ id }) => closure.ties.some((tie) => tie.kind === 'group' && tie.name === id))
            .map((group) => takenBy(`group ${group.id}`, migration.name, group.at)),
        ],
  )
  if (taken.length > 0) throw new FerryError(taken)
  report(`reads ${closure.topics.length} topics of ${from}`)
  const ids = closure.ties.filter((tie) => tie.kind === 'group').map((tie) => tie.name as GroupId)
  const [topicsThere, groupsThere] = await Promise.all([target.listTopics(), target.listGroups()])
  const scope: AccessScope = {
    topics: closure.topics,
    groups: ids,
    transactionalIds:
      seen.transactionalIds === 'unsupported'
        ? undefined
        : closure.ties.filter((tie) => tie.kind !== 'group').map((tie) => tie.name),
    allTopics: [...new Set([...seen.topics, ...topicsThere])],
    allGroups: [...new Set([...seen.groups.keys(), ...groupsThere.map(({ id }) => id)])],
  }
  const [described, configs, members, defaults, access] = await Promise.all([
    allOf(source.describeTopics(closure.topics)),
    source.supports('DescribeConfigs') === undefined
      ? undefined
      : allOf(source.describeTopicConfigs(closure.topics)),
    allOf(source.describeGroups(ids)),
    brokerDefaults(target),
    readAccess(source, scope),
  ])
  return {
    name,
    from,
    to,
    asked: { topics, groups },
    closure,
    unread: seen.unread,
    transactionalIdsSeen: seen.transactionalIds !== 'unsupported',
    topics: described,
    configs,
    targetDefaults: defaults,
    groups: members,
    access,
    scope,
  }
}

/** Who may do what on the source; where that cannot be read, why. */
const readAccess = async (source: Cluster, scope: AccessScope): Promise<SourceAccess> => {
  const acls = await unlessRefused('its ACLs', () => source.describeAcls())
  if (acls === 'no-authorizer') {
    const says =
      source.supports('DescribeAcls') === undefined
        ? `${source.name} does not tell its ACLs (before Kafka 0.11).`
        : `${source.name} checks no ACLs, so it does not tell who the clients are.`
    return { acls: says, users: new Map(), quotas: new Map() }
  }
  if (typeof acls === 'string') return { acls, users: new Map(), quotas: new Map() }
  const names = usersOf(aclsInScope(acls, scope))
  const [users, quotas] = await Promise.all([
    source.supports('DescribeUserScramCredentials') === undefined
      ? `${source.name} does not tell its SCRAM users (before Kafka 2.7): users are to be written by the owner.`
      : unlessRefused('its SCRAM users', () => allOf(source.describeUsers(names))),
    source.supports('DescribeClientQuotas') === undefined
      ? `${source.name} does not tell its quotas (before Kafka 2.6): quotas are to be written by the owner.`
      : unlessRefused('its quotas', () => source.describeQuotas(names)),
  ])
  return { acls, users, quotas }
}

/** Only a part of the file depends on it, which says so. */
const unlessRefused = async <T>(what: string, read: () => Promise<T>): Promise<T | string> => {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    return `Ferry could not read ${what}: ${error.diagnostics[0]?.detail ?? ''}`
  }
}

const allOf = <K, V>(asked: Promise<Answers<K, V>>): Promise<ReadonlyMap<K, V>> =>
  asked.then((answers) => valuesOf(answers))

/** Of one broker; empty where Ferry may not see them, since only comments depend on it. */
const brokerDefaults = async (target: Cluster): Promise<ImportedMigration['targetDefaults']> => {
  try {
    const { brokers } = await target.describeCluster()
    return await target.describeBrokerConfigs(brokers[0]!.nodeId)
  } catch (error) {
    if (error instanceof FerryError) return new Map()
    throw error
  }
}

const notThere = (what: string, from: string): Diagnostic =>
  diagnostic({
    code: 'FERRY2010',
    detail: `${from} has no ${what}${what.startsWith('group') ? ' with live commits' : ''}, or Ferry may not see it.`,
    fix: 'Correct the name. `ferry doctor` says which rights are missing.',
  })

const takenBy = (what: string, migration: string, at: NonNullable<Diagnostic['at']>): Diagnostic =>
  diagnostic({
    code: 'FERRY2012',
    detail: `${what} is in migration ${migration} already, and what was asked for can only move together with it.`,
    fix: `Add the rest to ${migration}; \`ferry graph\` shows what ties it together.`,
    at,
  })

const canonical = async (text: string, file: string): Promise<string> => {
  const formatted = await formatYaml({ file, text, digest: '' })
  if ('problems' in formatted) throw new FerryError(formatted.problems)
  return formatted.text
}

/** Refuses a file that exists, also one that appears in this moment. */
export const writeNew = async (file: string, text: string): Promise<void> => {
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text, { flag: 'wx' })
  } catch (cause) {
    const { code = 'no reason given' } = cause as NodeJS.ErrnoException
    throw new FerryError(
      code === 'EEXIST'
        ? diagnostic({
            code: 'FERRY2011',
            detail: `${file} exists, and is not overwritten.`,
            fix: 'Move it away, or give another name.',
          })
        : diagnostic({
            code: 'FERRY1111',
            detail: `${file} cannot be written (${code}).`,
            fix: 'Give a path in a folder that you may write to.',
          }),
      { cause },
    )
  }
}

/** What the project says with the new file. One that no glob of ferry.yaml finds would be silently without effect. */
const warningsOf = (
  diagnostics: readonly Diagnostic[],
  project: Project | undefined,
  name: string,
  file: string,
): readonly Diagnostic[] =>
  project !== undefined && !project.migrations.has(name)
    ? [
        ...diagnostics,
        diagnostic({
          code: 'FERRY1020',
          severity: 'warning',
          detail: `${file} is matched by no glob of spec.migrations in ${project.file}, so the project does not have this migration.`,
          fix: 'Move the file to where the others are, or correct spec.migrations.',
        }),
      ]
    : diagnostics
