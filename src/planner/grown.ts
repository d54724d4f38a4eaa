import type { TopicName } from '../domain/ids.ts'
import { placesOf } from '../domain/state-places.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import type { ObservedPartition } from './observed.ts'

/** A topic that has got partitions on the source since its mark. */
export interface Growth {
  /** How many are marked. */
  readonly marked: number
  /** How many the source has, and the target. */
  readonly source: number
  readonly target: number
  readonly isSealed: boolean
}

/** Undefined: every partition of the source is marked, or none is yet. Pure. */
export const growthOf = (
  { observed, state }: Pick<PlanContext, 'observed' | 'state'>,
  topic: TopicName,
): Growth | undefined => {
  const places = placesOf(state)
  const marked = places.markedPartitions.get(topic) ?? 0
  const source = observed.source.topics.get(topic)?.description.partitions.length ?? 0
  const target = observed.target.topics.get(topic)?.description.partitions.length ?? 0
  if (marked === 0 || source <= marked || target === 0) return undefined
  return { marked, source, target, isSealed: places.sealedTopics.has(topic) }
}

/** Partitions that somebody added on the target after the topic was sealed there. */
export interface AddedOnTarget {
  readonly sealed: number
  readonly target: number
  /** Those that have ever held a record. */
  readonly used: readonly ObservedPartition[]
}

/** Undefined: there are none. Pure. */
export const addedOnTarget = (
  { observed, state }: Pick<PlanContext, 'observed' | 'state'>,
  topic: TopicName,
): AddedOnTarget | undefined => {
  const sealed = placesOf(state).sealedTopics.get(topic)?.length ?? 0
  const seen = observed.target.topics.get(topic)
  const target = seen?.description.partitions.length ?? 0
  if (sealed === 0 || target <= sealed) return undefined
  const used = (seen?.partitions ?? []).filter(
    ({ partition, highWatermark }) => partition >= sealed && highWatermark > 0n,
  )
  return { sealed, target, used }
}

/** New partitions are still to be marked, and may be. */
export const isGrowing = (
  context: Pick<PlanContext, 'observed' | 'state'>,
  topic: TopicName,
): boolean => growthOf(context, topic)?.isSealed === false
