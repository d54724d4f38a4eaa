import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { emptiedEnds } from '../domain/emptied.ts'
import type { TopicName } from '../domain/ids.ts'
import type { MigrationState } from '../domain/state.ts'
import { someNames } from '../steps/_words.ts'
import type { Observed, ObservedTopic } from './observed.ts'

/**
 * What was emptied counts as empty, also while a broker that was killed right after has brought it back: whoever marks the topic empties it
 * again, whoever deletes it need not. Pure.
 */
export const withEmptied = (
  observed: Observed,
  { emptied = [] }: Pick<MigrationState, 'emptied'>,
): { readonly observed: Observed; readonly problems: readonly Diagnostic[] } => {
  if (emptied.length === 0) return { observed, problems: [] }
  const { target } = observed
  const topics = new Map(target.topics)
  const back: string[] = []
  for (const each of emptied) {
    const topic = topics.get(each.topic)
    const ends = emptiedEnds([each], each.topic, topic?.description.topicId)
    if (topic === undefined || ends.size === 0) continue
    topics.set(each.topic, emptiedTopic(topic, ends))
    back.push(...cameBack(each.topic, topic, ends))
  }
  return {
    observed: { ...observed, target: { ...target, topics } },
    problems: back.length === 0 ? [] : [readableAgain(back, target.name)],
  }
}

/** The topic as it is once DeleteRecords has emptied it: its log does not begin at 0 any more. */
export const onceEmptied = (topic: ObservedTopic): ObservedTopic => ({
  ...topic,
  partitions: topic.partitions.map((p) => ({ ...p, logStart: p.highWatermark })),
})

/** A leader that has just come back may announce less than it holds. */
const emptiedTopic = (topic: ObservedTopic, ends: ReadonlyMap<number, bigint>): ObservedTopic => ({
  ...topic,
  partitions: topic.partitions.map((p) => {
    const end = ends.get(p.partition) ?? 0n
    return { ...p, logStart: larger(p.logStart, end), highWatermark: larger(p.highWatermark, end) }
  }),
})

const larger = (one: bigint, other: bigint): bigint => (one > other ? one : other)

const cameBack = (
  topic: TopicName,
  { partitions }: ObservedTopic,
  ends: ReadonlyMap<number, bigint>,
): readonly string[] =>
  partitions.flatMap(({ partition, logStart, highWatermark }) => {
    const end = ends.get(partition) ?? 0n
    const to = highWatermark < end ? highWatermark : end
    return logStart < to ? [`${topic}-${partition} (${logStart} to ${to - 1n})`] : []
  })

const readableAgain = (back: readonly string[], target: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1339',
    severity: 'warning',
    detail: `What Ferry has emptied can be read on ${target} again: ${someNames(back)}. A broker was killed before it had made that durable.`,
    fix: 'Let nobody read it there until it is emptied again, which the apply does that mirrors it anew, before it copies anything; or until a rollback to the beginning deletes it. To hide it now, delete the records up to the end of each named range yourself (`kafka-delete-records`), unless somebody wrote there since.',
  })
