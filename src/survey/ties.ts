import type { GroupId, TopicName } from '../domain/ids.ts'
import type { Survey } from './survey.ts'

/** What ties topics together: whoever reads or writes several of them finds the others missing when only one moves. */
export interface Tie {
  readonly kind: 'group' | 'transactional-id'
  readonly name: string
  readonly topics: ReadonlySet<TopicName>
}

/** The groups and transactional ids of a survey, by kind and name. */
export const tiesOf = (survey: Survey): readonly Tie[] => {
  const groups = [...survey.groups].map(
    ([id, { topics }]): Tie => ({ kind: 'group', name: id, topics }),
  )
  const ids = survey.transactionalIds === 'unsupported' ? [] : [...survey.transactionalIds]
  const transactional = ids.map(
    ([name, topics]): Tie => ({ kind: 'transactional-id', name, topics }),
  )
  const byName = (one: Tie, other: Tie): number => (one.name < other.name ? -1 : 1)
  return [...groups.sort(byName), ...transactional.sort(byName)]
}

/** Why something belongs to a closure: the tie through which it was reached, and the topic that led to the tie. */
export interface Reason {
  readonly tie: Tie
  readonly from: TopicName
}

export interface Closure {
  readonly topics: readonly TopicName[]
  readonly ties: readonly Tie[]
  /** Of each topic that was not asked for. */
  readonly because: ReadonlyMap<TopicName, Reason>
}

/**
 * Everything that shares topics with these, over any number of hops: topics lead to the groups and transactional ids that use them, and
 * those to their other topics.
 */
export const closureOf = (
  ties: readonly Tie[],
  start: { readonly topics: readonly TopicName[]; readonly groups: readonly GroupId[] },
): Closure => {
  const topics = new Set(start.topics)
  const because = new Map<TopicName, Reason>()
  const taken = new Set<Tie>()
  for (const tie of ties) {
    if (tie.kind !== 'group' || !start.groups.includes(tie.name as GroupId)) continue
    taken.add(tie)
    for (const topic of tie.topics) topics.add(topic)
  }
  // A Set is walked in the order of insertion, also over what is added meanwhile: this ends when nothing new comes.
  for (const topic of topics) {
    for (const tie of ties) {
      if (taken.has(tie) || !tie.topics.has(topic)) continue
      taken.add(tie)
      for (const other of tie.topics) {
        if (topics.has(other)) continue
        topics.add(other)
        because.set(other, { tie, from: topic })
      }
    }
  }
  return {
    topics: [...topics].sort(),
    ties: ties.filter((tie) => taken.has(tie)),
    because,
  }
}
