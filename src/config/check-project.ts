import { covers } from '../domain/access.ts'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import { didYouMean } from '../domain/did-you-mean.ts'
import type { ClusterSpec } from '../domain/migration.ts'
import { othersThings } from './others-things.ts'
import type { ParsedMigration } from './parse-migration.ts'
import { placeText } from './place-text.ts'
import type { Problems } from './problems.ts'
import { oneOf, quote } from './words.ts'

/** What the checks over all files look at. */
export interface ProjectParts {
  readonly clusters: readonly { readonly spec: ClusterSpec; readonly nameAt: Place }[]
  readonly migrations: readonly (ParsedMigration & { readonly nameAt: Place })[]
  /** False if a cluster file could not be read far enough to know its name: then no name is called unknown. */
  readonly knowsAllClusters: boolean
  /** The cluster of the state topic, where there is one. */
  readonly stateCluster: { readonly name: string; readonly at: Place } | undefined
  /** The topic of the state, where it is in one. */
  readonly stateTopic: { readonly cluster: string; readonly topic: string } | undefined
}

/** All that only several files together can get wrong. */
export const checkProject = (parts: ProjectParts): readonly Diagnostic[] => {
  const problems: Problems = []
  checkNames(
    parts.clusters.map(({ spec, nameAt }) => ({ name: spec.name, at: nameAt })),
    'cluster',
    problems,
  )
  checkNames(
    parts.migrations.map(({ migration, nameAt }) => ({ name: migration.name, at: nameAt })),
    'migration',
    problems,
  )
  const clusters = new Map(parts.clusters.map(({ spec }) => [spec.name, spec]))
  const known = parts.knowsAllClusters ? clusters : undefined
  if (parts.stateCluster)
    checkKnown(parts.stateCluster.name, parts.stateCluster.at, known, problems)
  for (const one of parts.migrations) checkEnds(one, clusters, known, problems)
  checkOwnership(parts.migrations, problems)
  checkReach(parts.migrations, problems)
  problems.push(...othersThings(parts))
  return problems
}

const checkNames = (
  named: readonly { readonly name: string; readonly at: Place }[],
  what: string,
  problems: Problems,
): void => {
  const first = new Map<string, Place>()
  for (const { name, at } of named) {
    if (name === '') continue
    const before = first.get(name)
    if (before === undefined) first.set(name, at)
    else {
      problems.push(
        diagnostic({
          code: 'FERRY1032',
          detail: `Another ${what} is called ${quote(name)} too, in ${placeText(before, at)}; commands could not tell them apart.`,
          fix: 'Give one of the two another name.',
          at,
        }),
      )
    }
  }
}

/** `known` is undefined where no name may be called unknown. */
const checkKnown = (
  name: string,
  at: Place,
  known: ReadonlyMap<string, ClusterSpec> | undefined,
  problems: Problems,
): void => {
  if (name === '' || known === undefined || known.has(name)) return
  const names = [...known.keys()].sort()
  const meant = didYouMean(name, names)
  problems.push(
    diagnostic({
      code: 'FERRY1030',
      detail: `No cluster file has the name ${quote(name)}.`,
      fix:
        meant !== undefined
          ? `Did you mean ${meant}?`
          : names.length === 0
            ? 'Write a cluster file, or correct spec.clusters in ferry.yaml.'
            : `Write ${oneOf(names)}, or add a cluster file of this name.`,
      at,
    }),
  )
}

const checkEnds = (
  { migration, fromAt, toAt }: ParsedMigration,
  clusters: ReadonlyMap<string, ClusterSpec>,
  known: ReadonlyMap<string, ClusterSpec> | undefined,
  problems: Problems,
): void => {
  checkKnown(migration.from, fromAt, known, problems)
  checkKnown(migration.to, toAt, known, problems)
  if (migration.from === '' || migration.to === '') return
  const from = clusters.get(migration.from)
  const to = clusters.get(migration.to)
  const isSameName = migration.from === migration.to
  const isSameId =
    from !== undefined &&
    to !== undefined &&
    from.clusterId !== '' &&
    from.clusterId === to.clusterId
  if (!isSameName && !isSameId) return
  problems.push(
    diagnostic({
      code: 'FERRY1031',
      detail: isSameName
        ? `from and to are both ${quote(migration.to)}; topics would be mirrored onto themselves.`
        : `${migration.from} and ${migration.to} have the same clusterId; topics would be mirrored onto themselves.`,
      fix: isSameName
        ? 'Name two different clusters.'
        : `Correct clusterId in the file of ${migration.from} or of ${migration.to}.`,
      at: toAt,
    }),
  )
}

/** A thing of one cluster belongs to one migration only. */
const checkOwnership = (migrations: ProjectParts['migrations'], problems: Problems): void => {
  const owners = new Map<string, { readonly name: string; readonly at: Place }>()
  // One problem for each thing, though it may be claimed on its source and on its target.
  const reported = new Set<Place>()
  const claim = (key: readonly string[], what: string, name: string, at: Place): void => {
    const owner = owners.get(key.join('\n'))
    if (owner === undefined) owners.set(key.join('\n'), { name, at })
    else if (owner.at.file !== at.file && !reported.has(at)) {
      reported.add(at)
      problems.push(
        diagnostic({
          code: 'FERRY1034',
          detail: `${what} is listed in migration ${quote(owner.name)} too (${placeText(owner.at, at)}); two plans would work on it at different stages.`,
          fix: 'List it in one of the two; services that share topics move together, in one migration.',
          at,
        }),
      )
    }
  }
  for (const { migration } of migrations) {
    const { name, from, to } = migration
    for (const { name: topic, at } of migration.topics) {
      claim(['topic', 'from', from, topic], `Topic ${quote(topic)}`, name, at)
      claim(['topic', 'to', to, topic], `Topic ${quote(topic)}`, name, at)
    }
    for (const { id, at } of migration.groups) {
      claim(['group', 'from', from, id], `Group ${quote(id)}`, name, at)
      claim(['group', 'to', to, id], `Group ${quote(id)}`, name, at)
    }
    for (const { name: user, mechanism, at } of migration.users) {
      claim(['user', to, mechanism, user], 'This user', name, at)
    }
    for (const { user, at } of migration.quotas) {
      claim(['quota', to, user], `A quota of ${quote(user)}`, name, at)
    }
  }
}

/** WRITE and READ that wait for this migration's seal and sync must not open what another one has not sealed or synced. */
const checkReach = (migrations: ProjectParts['migrations'], problems: Problems): void => {
  const wide = migrations.map(({ migration }) => ({
    migration,
    topics: migration.topics.map((topic) => topic.name as string),
    groups: migration.groups.map((group) => group.id as string),
  }))
  for (const { migration, access } of migrations) {
    const own = new Set<string>([
      ...migration.topics.map((topic) => `TOPIC ${topic.name}`),
      ...migration.groups.map((group) => `GROUP ${group.id}`),
    ])
    for (const { spec, placeOf } of access) {
      for (const acl of [...spec.afterSync, ...spec.afterSeal]) {
        // The common case, and the one that makes this quadratic: a plain name of this very migration.
        const isPlain = acl.patternType === 'LITERAL' && acl.resourceName !== '*'
        if (isPlain && own.has(`${acl.resourceType} ${acl.resourceName}`)) continue
        for (const other of wide) {
          if (other.migration.file === migration.file || other.migration.to !== migration.to)
            continue
          const names = acl.resourceType === 'TOPIC' ? other.topics : other.groups
          const reached = names.find((name) => covers(acl, name))
          if (reached === undefined) continue
          problems.push(
            diagnostic({
              code: 'FERRY1044',
              detail: `${acl.operation} on ${acl.resourceType} ${quote(acl.resourceName)} would open ${quote(reached)} of migration ${quote(other.migration.name)} too, which this migration does not ${acl.resourceType === 'TOPIC' ? 'seal' : 'sync'}.`,
              fix: 'Name the topics or groups one by one, each in the migration that moves it.',
              at: placeOf.get(acl) ?? spec.at,
            }),
          )
          break
        }
      }
    }
  }
}
