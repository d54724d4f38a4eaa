import type { Drifted, Managed } from '../domain/drift.ts'
import { parsePartitionKey, type TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import { type Order, stageRank } from '../domain/stage.ts'
import type { MigrationState, SeenFacts } from '../domain/state.ts'
import { strayedOnSource } from '../domain/strayed.ts'
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
  const facts = factsOf(managed, observed, state, desired.order)
  return { managed, sourceConfigs: true, facts }
}

/** False for what an older version wrote down: what it did not know of would be taken for new. */
export const isComparable = ({ sourceConfigs, managed }: SeenFacts): boolean =>
  sourceConfigs === true && managed.removed !== undefined

/** What is, in facts that can be compared with those of another time. Pure. */
export const factsOf = (
  managed: Managed,
  observed: Observed,
  state: MigrationState,
  order: Order,
): Facts => {
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
    // Once is enough: a removed one that is back is told as such.
    if (managed.removed?.includes(`target/quota/${user}`)) continue
    for (const rate of ['producerByteRate', 'consumerByteRate'] as const) {
      const bytes = target.quotas.get(user)?.[rate]
      if (bytes !== undefined) facts.set(`${rate} of ${user} on ${target.name}`, String(bytes))
    }
  }
  commitFacts(facts, managed, observed, state)
  if (isWatched(state, order)) strayedFacts(facts, observed, state)
  removedFacts(facts, managed, observed)
  readerFacts(facts, managed, observed)
  return facts
}

/** No step changes configs on the source, on no way: there, each that differs was changed by somebody else. */
const topicFacts = (facts: Map<string, string>, side: ObservedSide, name: TopicName): void => {
  const topic = side.topics.get(name)
  if (!topic) return
  const of = `topic ${name} on ${side.name}`
  facts.set(of, topic.description.topicId ?? 'there')
  facts.set(`partitions of ${of}`, String(topic.description.partitions.length))
  const factors = topic.description.partitions.map(({ replicas }) => replicas.length)
  // Not all the same: somebody is about to change it, or has left it half done.
  const each = [...new Set(factors)].sort((one, other) => one - other)
  facts.set(`replication factor of ${of}`, each.join(' or '))
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

/** Whether nobody has to commit on the source any more. */
const isWatched = ({ stage }: MigrationState, order: Order): boolean =>
  stage !== 'retired' && stageRank(stage, order) >= stageRank('consumers-moved', order)

/** Once a group has moved, a commit of it on the source is of somebody who was forgotten there. */
const strayedFacts = (
  facts: Map<string, string>,
  { source }: Observed,
  state: MigrationState,
): void => {
  for (const sync of state.syncs) {
    if (sync.status !== 'done') continue
    const here = source.groups.get(sync.group)?.commits
    for (const { key, left, now, cameSince } of strayedOnSource(state, sync, here)) {
      if (cameSince) continue
      const was = left === undefined ? 'without one' : `at ${left}`
      facts.set(`${STRAYED}${sync.group} on ${key} on ${source.name}`, `at ${now}, synced ${was}`)
    }
  }
}

/** What a plan has removed may come back, by the hand of somebody who does not know of it. */
const removedFacts = (
  facts: Map<string, string>,
  managed: Managed,
  { removed }: Observed,
): void => {
  for (const key of managed.removed ?? []) {
    if (removed?.has(key)) facts.set(`${REMOVED}${key}`, 'there')
  }
}

/** Who reads on the source, also groups that no plan file names: whoever comes there after the last apply is not moved. */
const readerFacts = (facts: Map<string, string>, managed: Managed, { source }: Observed): void => {
  const topics = new Set(managed.topics)
  for (const group of source.coverage?.groups ?? []) {
    for (const topic of group.topics.filter((each) => topics.has(each))) {
      facts.set(`${READS}${group.id} on ${topic} on ${source.name}`, 'there')
    }
  }
  if (source.coverage?.groups === null) facts.set(`${READS}on ${source.name}`, NOT_VISIBLE)
}

const REMOVED = 'removed '
const READS = 'positions of '
const STRAYED = 'commit after the sync of '
const NOT_VISIBLE = 'not visible'

/**
 * What differs, by name. A group that is gone has expired, or its owner has moved it: only those that have come are told, where all are visible.
 * A commit that strayed and is gone, or was put back, was mended.
 */
export const driftBetween = (before: Facts, now: Facts): readonly Drifted[] => {
  const isBlind = [before, now].some((facts) => [...facts.values()].includes(NOT_VISIBLE))
  return [...new Set([...before.keys(), ...now.keys()])]
    .filter((what) => before.get(what) !== now.get(what))
    .filter((what) => !what.startsWith(READS) || (now.has(what) && !isBlind))
    .filter((what) => !what.startsWith(STRAYED) || now.has(what))
    .sort()
    .map((what) => ({ what, was: before.get(what) ?? null, is: now.get(what) ?? null }))
}

/** Facts of then, without those of objects whose line was taken out of `removed` since: nobody looks whether they are there. */
export const stillListed = (facts: Facts, removed: readonly string[]): Facts => {
  const listed = new Set(removed.map((key) => `${REMOVED}${key}`))
  return new Map([...facts].filter(([what]) => !what.startsWith(REMOVED) || listed.has(what)))
}
