import type { TopicName } from '../../domain/ids.ts'
import { isOther } from '../../domain/mark.ts'
import type { ConfigureTopic, CreateTopic, Step } from '../../domain/step.ts'
import { configsPart, digestOfPart } from '../fingerprint.ts'
import type { ObservedTopic } from '../observed.ts'
import { overrides } from '../topic-configs.ts'
import type { Given, Judged } from './given.ts'

export const topicParts = (given: Given): Judged =>
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
