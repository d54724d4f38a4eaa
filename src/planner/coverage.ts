import { covers } from '../domain/access.ts'
import type { GroupId, TopicName } from '../domain/ids.ts'
import type { AccessSpec, Migration } from '../domain/migration.ts'
import type { Survey } from '../survey/survey.ts'
import type { ObservedCoverage, ObservedSide } from './observed.ts'

/** Who or what uses the topics of a migration without being in a plan file, with what to do about it. */
export type CoverageFinding =
  | {
      readonly kind: 'group'
      readonly id: GroupId
      readonly topics: readonly TopicName[]
      readonly members: number
    }
  | { readonly kind: 'connect'; readonly id: GroupId; readonly topics: readonly TopicName[] }
  | { readonly kind: 'streams'; readonly id: GroupId; readonly internal: readonly TopicName[] }
  | {
      readonly kind: 'principal'
      readonly principal: string
      readonly operations: readonly string[]
      readonly topics: readonly TopicName[]
    }
  | {
      readonly kind: 'transactional-id'
      readonly id: string
      readonly topics: readonly TopicName[]
    }
  /** The file manages no access: who is let in by no other plan file either. */
  | {
      readonly kind: 'no-access'
      readonly principals: readonly string[]
      readonly transactionalIds: readonly string[]
    }
  /** No group has a position there: whoever reads it keeps its offsets elsewhere, which no broker sees. */
  | { readonly kind: 'no-group'; readonly topic: TopicName }
  | { readonly kind: 'not-visible'; readonly what: string }

/** Who is in the project's other plan files. */
export interface Elsewhere {
  readonly groups: ReadonlySet<GroupId>
  /** Of those that move to the same cluster. */
  readonly access: readonly AccessSpec[]
}

const NOBODY: Elsewhere = { groups: new Set(), access: [] }

/** Who is in plan files other than this one, which need not be left out of `all`. */
export const elsewhereOf = (
  { name, to }: Pick<Migration, 'name' | 'to'>,
  all: readonly Migration[],
): Elsewhere => {
  const others = all.filter((other) => other.name !== name)
  return {
    groups: new Set(others.flatMap(({ groups }) => groups.map(({ id }) => id))),
    access: others.flatMap((other) => (other.to === to ? other.access : [])),
  }
}

/** Compares what the source shows with all plan files of the project. Pure: `plan` warns of it and `doctor` lists it. */
export const coverage = (
  desired: Migration,
  source: Pick<ObservedSide, 'coverage'>,
  elsewhere: Elsewhere = NOBODY,
): readonly CoverageFinding[] => {
  const seen = source.coverage
  if (seen === undefined) return []
  const topics = desired.topics.map(({ name }) => name)
  const ours = new Set(topics)
  const read = seen.groups && new Set(seen.groups.flatMap((group) => group.topics))
  const known = new Set<GroupId>([...desired.groups.map(({ id }) => id), ...elsewhere.groups])
  return [
    ...groupFindings(seen, ours, known),
    ...streamsFindings(seen, desired, ours),
    ...accessFindings(seen, topics, desired.access, elsewhere.access),
    ...topics
      .filter((topic) => read?.has(topic) === false)
      .map((topic) => ({ kind: 'no-group' as const, topic })),
    ...seen.notVisible.map((what) => ({ kind: 'not-visible' as const, what })),
  ]
}

/** What is said of a cluster that has no ListTransactions and DescribeProducers. */
export const NOT_LISTED = 'transactional ids (brokers list them from 3.0 on)'

/** Topics that Streams makes for itself. */
const INTERNAL = /-(changelog|repartition)$/

/** What a survey of the source says about the users of these topics. Members are not counted in it. */
export const coverageOfSurvey = (
  {
    groups,
    topics: live,
    transactionalIds,
  }: Pick<Survey, 'groups' | 'topics' | 'transactionalIds'>,
  topics: readonly TopicName[],
): Pick<ObservedCoverage, 'internalTopics' | 'transactionalIds'> & {
  readonly groups: NonNullable<ObservedCoverage['groups']>
} => {
  const ours = new Set(topics)
  return {
    groups: [...groups]
      .filter(([, { topics: used }]) => [...used].some((topic) => ours.has(topic)))
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([id, { topics: used }]) => ({ id, topics: [...used].sort(), members: 0 })),
    internalTopics: [...live].filter((name) => INTERNAL.test(name)).sort(),
    transactionalIds:
      transactionalIds === 'unsupported'
        ? null
        : [...transactionalIds]
            .map(([id, written]) => ({ id, topics: topics.filter((topic) => written.has(topic)) }))
            .filter((each) => each.topics.length > 0)
            .sort((one, other) => (one.id < other.id ? -1 : 1)),
  }
}

/** Sink connectors commit as `connect-NAME`; moving the connector moves them. */
const CONNECT = 'connect-'

const groupFindings = (
  { groups }: ObservedCoverage,
  ours: ReadonlySet<TopicName>,
  known: ReadonlySet<GroupId>,
): readonly CoverageFinding[] =>
  (groups ?? []).flatMap(({ id, topics, members }): CoverageFinding[] => {
    const touched = topics.filter((topic) => ours.has(topic))
    if (touched.length === 0 || known.has(id)) return []
    return id.startsWith(CONNECT)
      ? [{ kind: 'connect', id, topics: touched }]
      : [{ kind: 'group', id, topics: touched, members }]
  })

/** Streams names its internal topics after the application id, which is its group: `<id>-<store>-changelog`, `<id>-<name>-repartition`. */
const streamsFindings = (
  { groups, internalTopics }: ObservedCoverage,
  desired: Migration,
  ours: ReadonlySet<TopicName>,
): readonly CoverageFinding[] => {
  const touching = (groups ?? [])
    .filter(({ topics }) => topics.some((topic) => ours.has(topic)))
    .map(({ id }) => id)
  const ids = new Set<GroupId>([...desired.groups.map(({ id }) => id), ...touching])
  return [...ids].sort().flatMap((id): CoverageFinding[] => {
    const internal = internalTopics.filter(
      (topic) => topic.startsWith(`${id}-`) && !ours.has(topic),
    )
    return internal.length > 0 ? [{ kind: 'streams', id, internal }] : []
  })
}

/** One by one where the file says who is let in; else as one, since somebody else may manage it. */
const accessFindings = (
  seen: ObservedCoverage,
  topics: readonly TopicName[],
  access: readonly AccessSpec[],
  elsewhere: readonly AccessSpec[],
): readonly CoverageFinding[] => {
  const all = [...access, ...elsewhere]
  const principals = principalFindings(seen, all, topics)
  const transactions = transactionFindings(seen, all)
  if (access.length > 0) return [...principals, ...transactions]
  return principals.length + transactions.length === 0
    ? []
    : [
        {
          kind: 'no-access',
          principals: principals.map(({ principal }) => principal),
          transactionalIds: transactions.map(({ id }) => id),
        },
      ]
}

const USES = new Set(['READ', 'WRITE', 'ALL'])

type Found<K extends CoverageFinding['kind']> = Extract<CoverageFinding, { readonly kind: K }>

const principalFindings = (
  { acls }: ObservedCoverage,
  access: readonly AccessSpec[],
  ours: readonly TopicName[],
): readonly Found<'principal'>[] => {
  if (acls === null) return []
  const known = new Set(access.map(({ principal }) => principal))
  const names = new Set(ours)
  const found = new Map<string, { operations: Set<string>; topics: Set<TopicName> }>()
  for (const acl of acls) {
    if (acl.resourceType !== 'TOPIC' || acl.permission !== 'ALLOW' || !USES.has(acl.operation)) {
      continue
    }
    if (known.has(acl.principal)) continue
    const literal = acl.resourceName as TopicName
    const topics =
      acl.patternType === 'LITERAL' && literal !== '*'
        ? [literal].filter((topic) => names.has(topic))
        : ours.filter((topic) => covers(acl, topic))
    if (topics.length === 0) continue
    const entry = found.get(acl.principal) ?? { operations: new Set(), topics: new Set() }
    found.set(acl.principal, entry)
    entry.operations.add(acl.operation)
    for (const topic of topics) entry.topics.add(topic)
  }
  return [...found]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([principal, { operations, topics }]) => ({
      kind: 'principal',
      principal,
      operations: [...operations].sort(),
      topics: [...topics],
    }))
}

const transactionFindings = (
  { transactionalIds }: ObservedCoverage,
  access: readonly AccessSpec[],
): readonly Found<'transactional-id'>[] => {
  const granted = access
    .flatMap(({ atOnce, afterSync, afterSeal }) => [...atOnce, ...afterSync, ...afterSeal])
    .filter(({ resourceType }) => resourceType === 'TRANSACTIONAL_ID')
  const isGranted = (id: string): boolean =>
    granted.some(({ patternType, resourceName }) =>
      patternType === 'PREFIXED'
        ? id.startsWith(resourceName)
        : resourceName === id || resourceName === '*',
    )
  return (transactionalIds ?? [])
    .filter(({ id }) => !isGranted(id))
    .map(({ id, topics }) => ({ kind: 'transactional-id', id, topics }))
}
