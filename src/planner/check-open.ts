import { type AclBinding, aclKey } from '../domain/access.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import { isOther } from '../domain/mark.ts'
import {
  type Migration,
  type RemovedObject,
  removedKey,
  SCRAM_MECHANISMS,
} from '../domain/migration.ts'
import type { Plan } from '../domain/plan.ts'
import { RATES } from '../domain/quota-before.ts'
import type { MigrationState } from '../domain/state.ts'
import type { ConfigureTopic, CreateTopic, Step } from '../domain/step.ts'
import {
  changedParts,
  configsPart,
  DECISIONS,
  digestOfPart,
  fingerprint,
  mechanismsPart,
  withoutDetails,
} from './fingerprint.ts'
import type { Observed, ObservedTopic } from './observed.ts'
import { staleBecause } from './preflight.ts'
import { overrides } from './topic-configs.ts'

/** Ids of a plan's own steps, as its journal has them. */
export interface OwnSteps {
  /** Also those that failed, or in which a run was killed. */
  readonly begun: ReadonlySet<string>
  readonly done: ReadonlySet<string>
  /** What those that are done have told. Absent: nothing. */
  readonly facts?: ReadonlyMap<string, Readonly<Record<string, unknown>>>
}

export interface WhatIsNow {
  /** With what a rollback knows from the state. */
  readonly desired: Migration
  readonly observed: Observed
  readonly state: MigrationState
  /** SHA-256 of the files, by path. */
  readonly inputs: Readonly<Record<string, string>>
}

/**
 * Compares a saved plan whose run is open with what is now. What its own steps did does not make it stale, anything else does. Pure.
 *
 * - What a step that is done has changed must be as that step has left it.
 * - What a step has begun to change and not ended may be as it was, or half done: the step looks before it acts.
 * - A group of the source may go: that is what a plan waits for at its gates. None may come that nobody has reviewed.
 * - All else must be as it was planned.
 */
export const checkOpen = (saved: Plan, now: WhatIsNow, own: OwnSteps): readonly Diagnostic[] => {
  const unread = now.observed.problems.filter(({ severity }) => severity === 'error')
  if (unread.length > 0) return unread
  const is = fingerprint(now.desired, now.observed, now.state)
  const left = ownParts(saved, now, own)
  const names = new Set([...Object.keys(saved.fingerprint), ...Object.keys(is), ...left.keys()])
  const parts = [...names].filter(
    (part) => !(left.get(part) ?? isAsPlanned(part, saved.fingerprint[part], is[part], now)),
  )
  const files = changedParts(saved.inputs, now.inputs).map((file) => `the file ${file}`)
  const changed = [...files, ...withoutDetails(parts.sort())]
  return changed.length === 0 ? [] : [staleBecause(saved, changed)]
}

const THERE = digestOfPart(true)

/** Of a part that no step of the plan has changed. */
const isAsPlanned = (
  part: string,
  planned: string | undefined,
  is: string | undefined,
  { observed: { target } }: WhatIsNow,
): boolean => {
  // Every step writes them; another plan that ran would have taken the place of this one.
  if (planned === is || part === DECISIONS) return true
  if (part.startsWith('group ')) return is !== THERE
  if (/^removed (?:source|target)\/group\//.test(part)) return is === undefined
  if (part.startsWith('ACL ')) {
    if (is !== undefined || typeof target.acls === 'string') return is === undefined
    // One of what a rollback has forgotten is not looked at any more.
    return target.acls.some((acl) => aclPart(aclKey(acl)) === part)
  }
  // A rollback forgets what it has taken back; whether a topic is there is a part of its own.
  const mayBeUnnamed = /^(?:topic|partitions|configs|user|quota) /.test(part)
  return mayBeUnnamed && (planned === undefined || is === undefined)
}

const aclPart = (key: string): string => `ACL ${key} on the target`

/** The parts that steps of the plan have changed, or were about to: whether they are what those steps make of them. */
const ownParts = (saved: Plan, now: WhatIsNow, own: OwnSteps): ReadonlyMap<string, boolean> => {
  const steps = saved.steps.filter(({ id }) => own.begun.has(id))
  const isDone = ({ id }: Step): boolean => own.done.has(id)
  const given = { saved, now, steps, isDone, facts: own.facts ?? new Map() }
  return new Map([
    ...topicParts(given),
    ...aclParts(given),
    ...userParts(given),
    ...quotaParts(given),
    ...removedParts(given),
    ...sourceParts(given),
  ])
}

interface Given {
  readonly saved: Plan
  readonly now: WhatIsNow
  /** Those that were begun, in the plan's order. */
  readonly steps: readonly Step[]
  readonly isDone: (step: Step) => boolean
  readonly facts: NonNullable<OwnSteps['facts']>
}

type Judged = readonly (readonly [part: string, isOwn: boolean])[]

const topicParts = (given: Given): Judged =>
  given.now.desired.topics.flatMap(({ name }) => topicOnTarget(given, name))

const topicOnTarget = (given: Given, name: TopicName): Judged => {
  const { saved, now, steps, isDone } = given
  const mine = steps.filter((step) => isOfTopic(step, name))
  if (mine.length === 0) return []
  const of = `topic ${name} on the target`
  const topic = now.observed.target.topics.get(name)
  const madeAt = mine.findLastIndex(({ kind }) => kind !== 'configure-topic' && kind !== GROWS)
  const made = mine[madeAt]
  const wasMade = made?.kind === 'create-topic' && isDone(made)
  // Half made, half gone, or left to whom it belongs: the step looks whose it is.
  const isOpen =
    made !== undefined && (!isDone(made) || given.facts.get(made.id)?.left !== undefined)
  // It was deleted. What somebody has made of its name since, nobody has reviewed.
  if (made !== undefined && !wasMade && !isOpen) return [[of, topic === undefined]]
  if (made !== undefined && !wasMade) {
    return [of, `partitions of ${of}`, `configs of ${of}`].map((part) => [part, true] as const)
  }
  const judged: (readonly [string, boolean])[] = []
  if (wasMade) judged.push([of, topic !== undefined && isTheOneMade(given, made, topic)])
  if (topic === undefined) return judged

  const grown = mine.findLast((step) => step.kind === GROWS)
  const count = grown?.to ?? (wasMade ? made.partitions : undefined)
  if (count !== undefined) {
    const isReached = topic.description.partitions.length === count
    judged.push([`partitions of ${of}`, isReached || (grown !== undefined && !isDone(grown))])
  }
  const changes = mine.slice(madeAt + 1).filter((step) => step.kind === 'configure-topic')
  if (wasMade || changes.length > 0) {
    // One that is there since it was asked for before has the configs of then.
    const planned = [
      saved.fingerprint[`configs of ${of}`],
      ...(wasMade ? [digestOfPart(configsPart(new Map(Object.entries(made.configs))))] : []),
    ]
    judged.push([`configs of ${of}`, areLeftBy(changes, isDone, overrides(topic), planned)])
  }
  return judged
}

const GROWS = 'add-partitions'

/** By its id, as the journal and the marks have it: one that somebody deleted and made again has the same name, and none of the records. */
const isTheOneMade = (
  { now, facts }: Given,
  { id, topic: name }: CreateTopic,
  { description: { topicId } }: ObservedTopic,
): boolean => {
  const made = facts.get(id)?.topicId
  const mark = now.state.marks.find(({ topic }) => topic === name)
  const known = [typeof made === 'string' ? made : undefined, mark?.targetTopicId]
  return !known.some((was) => isOther(was, topicId))
}

const isOfTopic = (step: Step, topic: TopicName) => {
  switch (step.kind) {
    case 'create-topic':
    case 'delete-topic':
    case 'add-partitions':
    case 'configure-topic':
      return step.topic === topic
    case 'remove-object':
      return step.on === 'target' && step.object.kind === 'topic' && step.object.topic === topic
    default:
      return false
  }
}

/** Whether overrides are what these changes made of those that were planned. */
const areLeftBy = (
  changes: readonly ConfigureTopic[],
  isDone: (step: Step) => boolean,
  is: ReadonlyMap<string, string>,
  planned: readonly (string | undefined)[],
): boolean => {
  const before = new Map(is)
  const untold = new Set<string>()
  for (const key of new Set(changes.flatMap(({ set }) => Object.keys(set)))) {
    const ofKey = changes.filter(({ set }) => key in set)
    const [first, last] = [ofKey[0]!, ofKey.at(-1)!]
    if (isDone(last) && (is.get(key) ?? null) !== last.set[key]) return false
    const was = first.was[key] ?? null
    if (was === null) before.delete(key)
    else before.set(key, was)
    // Only written down again: it was in force, by an override or without one.
    if (was === first.set[key]) untold.add(key)
  }
  const without = new Map([...before].filter(([key]) => !untold.has(key)))
  return [before, without].some((configs) => planned.includes(digestOfPart(configsPart(configs))))
}

const aclParts = ({ now, steps, isDone }: Given): Judged => {
  const { acls } = now.observed.target
  if (typeof acls === 'string') return []
  const there = new Set(acls.map(aclKey))
  const left = new Map<string, boolean>()
  for (const step of steps) {
    const { made, gone } = aclsOf(step)
    for (const key of made.map(aclKey)) left.set(key, !isDone(step) || there.has(key))
    for (const key of gone.map(aclKey)) left.set(key, !isDone(step) || !there.has(key))
  }
  return [...left].map(([key, isOwn]) => [aclPart(key), isOwn])
}

const aclsOf = (
  step: Step,
): { readonly made: readonly AclBinding[]; readonly gone: readonly AclBinding[] } => {
  switch (step.kind) {
    case 'grant-access':
      return { made: step.acls, gone: [] }
    case 'revoke-access':
      return { made: [], gone: step.acls }
    case 'put-back':
      return { made: step.object.kind === 'acl' ? [step.object.acl] : [], gone: [] }
    case 'remove-object': {
      const isAcl = step.on === 'target' && step.object.kind === 'acl'
      return { made: [], gone: isAcl ? [step.object.acl] : [] }
    }
    default:
      return { made: [], gone: [] }
  }
}

const userParts = ({ saved, now, steps, isDone }: Given): Judged =>
  [...new Set(now.desired.users.map(({ name }) => name))].flatMap((name): Judged => {
    const part = `user ${name} on the target`
    const is = now.observed.target.users.get(name) ?? new Set()
    const changes = SCRAM_MECHANISMS.flatMap((mechanism) => {
      const step = steps.findLast((each) => changesUser(each, name, mechanism))
      return step === undefined ? [] : [{ mechanism, step }]
    })
    if (changes.length === 0) return []
    const isLeft = changes.every(
      ({ mechanism, step }) => !isDone(step) || is.has(mechanism) === (step.kind === 'set-user'),
    )
    // What the others were is known by the digest alone: each of those that were changed was there, or was not.
    const known = new Set(changes.map(({ mechanism }) => mechanism))
    const wasOne = subsets([...known]).some((were) => {
      const others = [...is].filter((mechanism) => !known.has(mechanism))
      return digestOfPart(mechanismsPart([...others, ...were])) === saved.fingerprint[part]
    })
    return [[part, isLeft && wasOne]]
  })

const changesUser = (step: Step, name: string, mechanism: string): boolean => {
  if (step.kind === 'set-user' || step.kind === 'remove-user') {
    return step.user === name && step.mechanism === mechanism
  }
  return (
    step.kind === 'remove-object' &&
    step.on === 'target' &&
    step.object.kind === 'user' &&
    step.object.user === name
  )
}

const subsets = <T>([first, ...rest]: readonly T[]): readonly (readonly T[])[] =>
  first === undefined ? [[]] : subsets(rest).flatMap((some) => [some, [first, ...some]])

/** Of a rate that no step names nothing is said beside one that was changed: it is nobody's here. */
const quotaParts = ({ now, steps, isDone }: Given): Judged =>
  now.desired.quotas.flatMap(({ user }): Judged => {
    const is = now.observed.target.quotas.get(user)
    const judged = RATES.flatMap((rate) => {
      const step = steps.findLast((each) => rateSetBy(each, user, rate) !== undefined)
      if (step === undefined) return []
      return [!isDone(step) || (is?.[rate] ?? null) === rateSetBy(step, user, rate)]
    })
    return judged.length === 0 ? [] : [[`quota of ${user} on the target`, judged.every(Boolean)]]
  })

/** Null: none. Undefined: the step leaves this rate alone. */
const rateSetBy = (
  step: Step,
  user: string,
  rate: (typeof RATES)[number],
): number | null | undefined => {
  if (step.kind === 'set-quota' && step.user === user) return step[rate] ?? undefined
  if (step.kind === 'restore-quota' && step.user === user) return step[rate]
  const isRemoved =
    step.kind === 'remove-object' &&
    step.on === 'target' &&
    step.object.kind === 'quota' &&
    step.object.user === user
  return isRemoved ? null : undefined
}

/**
 * What `removed` lists. Also other steps make such a thing, or take it away: a rollback puts back, and takes what Ferry had made before it was
 * listed. What they leave is judged by parts of its own.
 */
const removedParts = ({ now, steps, isDone }: Given): Judged =>
  steps.flatMap((step): Judged => {
    if (step.kind === 'remove-object') {
      const key = removedKey(step)
      return [[`removed ${key}`, !isDone(step) || !now.observed.removed?.has(key)]]
    }
    return touchedBy(step).map((key) => [`removed ${key}`, true] as const)
  })

/** By {@link removedKey}. */
const touchedBy = (step: Step): readonly string[] => {
  const onTarget = (object: RemovedObject) => removedKey({ on: 'target', object })
  switch (step.kind) {
    case 'put-back':
      return [onTarget(step.object)]
    case 'set-quota':
    case 'restore-quota':
      return [onTarget({ kind: 'quota', user: step.user })]
    case 'set-user':
    case 'remove-user':
      return [onTarget({ kind: 'user', user: step.user })]
    case 'grant-access':
    case 'revoke-access':
      return step.acls.map((acl) => onTarget({ kind: 'acl', acl }))
    case 'create-topic':
    case 'delete-topic':
    case 'add-partitions':
      return [onTarget({ kind: 'topic', topic: step.topic })]
    case 'sync-group':
    case 'restore-group':
      return [onTarget({ kind: 'group', group: step.group })]
    case 'return-group':
      return [removedKey({ on: 'source', object: { kind: 'group', group: step.group } })]
    default:
      return []
  }
}

/** Topics that are deleted there, and groups that go back. */
const sourceParts = ({ now, steps, isDone }: Given): Judged =>
  steps.flatMap((step): Judged => {
    if (step.kind === 'return-group') return [[`group ${step.group} on the source`, true]]
    if (step.kind !== 'remove-object') return []
    if (step.on !== 'source' || step.object.kind !== 'topic') return []
    const { topic } = step.object
    const isGone = !now.observed.source.topics.has(topic)
    return [[`topic ${topic} on the source`, isGone || !isDone(step)]]
  })
