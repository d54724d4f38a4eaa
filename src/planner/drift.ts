import type { Drifted, Managed } from '../domain/drift.ts'
import { parsePartitionKey, type TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { MigrationState, SeenFacts } from '../domain/state.ts'
import { relevantAcls } from './fingerprint.ts'
import { managedOf } from './managed.ts'
import type { Observed, ObservedSide } from './observed.ts'
import { overrides } from './topic-configs.ts'

/** Facts about what a migration manages, each by a name for people. What moves while a service lives is not among them. */
export type Facts = ReadonlyMap<string, string>

/** What an apply leaves behind, to be compared with what is later. */
export const seenOf = (
  desired: Migration,
  observed: Observed,
  state: MigrationState,
): Omit<SeenFacts, 'at'> => {
  const managed = managedOf(desired)
  return { managed, sourceConfigs: true, facts: factsOf(managed, observed, state) }
}

/** False for what an older version wrote down: each override on the source would be taken for a new one. */
export const isComparable = (seen: SeenFacts): boolean => seen.sourceConfigs === true

/** What is, in facts that can be compared with those of another time. Pure. */
export const factsOf = (managed: Managed, observed: Observed, state: MigrationState): Facts => {
  const facts = new Map<string, string>()
  for (const name of managed.topics) {
    topicFacts(facts, observed.source, name)
    topicFacts(facts, observed.target, name)
  }
  const { target } = observed
  const acls = relevantAcls(managed, target)
  if (typeof acls === 'string') facts.set(`ACLs on ${target.name}`, acls)
  else for (const key of acls) facts.set(`ACL ${key} on ${target.name}`, 'there')
  for (const { name, mechanism } of managed.users) {
    if (target.users.get(name)?.has(mechanism)) {
      facts.set(`user ${name} (${mechanism}) on ${target.name}`, 'there')
    }
  }
  for (const user of managed.quotas) {
    for (const rate of ['producerByteRate', 'consumerByteRate'] as const) {
      const bytes = target.quotas.get(user)?.[rate]
      if (bytes !== undefined) facts.set(`${rate} of ${user} on ${target.name}`, String(bytes))
    }
  }
  commitFacts(facts, managed, observed, state)
  return facts
}

/** No step changes configs on the source, on no way: there, each that differs was changed by somebody else. */
const topicFacts = (facts: Map<string, string>, side: ObservedSide, name: TopicName): void => {
  const topic = side.topics.get(name)
  if (!topic) return
  const of = `topic ${name} on ${side.name}`
  facts.set(of, topic.description.topicId ?? 'there')
  facts.set(`partitions of ${of}`, String(topic.description.partitions.length))
  for (const [key, value] of overrides(topic)) facts.set(`${key} of ${of}`, value)
}

/** A group that reads on moves its commits; only one that is behind what Ferry wrote, or without it, was changed by somebody else. */
const commitFacts = (
  facts: Map<string, string>,
  managed: Managed,
  { target }: Observed,
  state: MigrationState,
): void => {
  const topics = new Set(managed.topics)
  for (const sync of state.syncs) {
    if (sync.status !== 'done') continue
    const commits = target.groups.get(sync.group)?.commits
    for (const [key, written] of sync.positions) {
      if (!topics.has(parsePartitionKey(key).topic)) continue
      const at = commits?.get(key)?.offset
      const fact = `commit of ${sync.group} on ${key} on ${target.name}`
      if (at !== undefined && at >= written.target) facts.set(fact, 'as synced, or read on')
      else if (at !== undefined) facts.set(fact, `${at}, behind the sync at ${written.target}`)
    }
  }
}

/** What differs, by name. */
export const driftBetween = (before: Facts, now: Facts): readonly Drifted[] =>
  [...new Set([...before.keys(), ...now.keys()])]
    .filter((what) => before.get(what) !== now.get(what))
    .sort()
    .map((what) => ({ what, was: before.get(what) ?? null, is: now.get(what) ?? null }))
