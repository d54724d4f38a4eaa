import type { Diagnostic } from '../domain/diagnostic.ts'
import { emptiedEnds } from '../domain/emptied.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { Purge } from '../domain/state.ts'
import type { ForgetMark } from '../domain/step.ts'
import type { TopicDescription } from '../kafka/cluster.ts'
import type { MirrorLog } from '../mirror/mirror.ts'
import { type Purged, purgeTopic } from '../mirror/purge.ts'
import { withPartitions } from '../mirror/with-partitions.ts'
import { deleteByHand } from './not-only-the-copy.ts'
import { offsetsOf } from './partitions-now.ts'
import type { Run } from './step-kind.ts'

/** Empties a target topic, as far as it may be, under the lock on its partitions. */
export const emptyTopic = async (
  topic: TopicDescription,
  purge: Purge,
  mayDelete: ForgetMark['purge'],
  run: Run,
): Promise<Purged> => {
  const { timings, signal, report } = run
  const { target } = run.clusters
  const progress = await run.store.readProgress(run.migration.name)
  const member = { project: run.project.name, target, timings, log: logTo(report), signal, report }
  const partitions = topic.partitions.map(({ partition }) => partition)
  const held = new Map([[topic.name, partitions.length]])
  const purged = await withPartitions(member, held, (lock) =>
    purgeTopic({
      target,
      purge,
      progress,
      targetTopicId: topic.topicId,
      emptied: emptiedEnds(run.state().emptied, topic.name, topic.topicId),
      partitions,
      mayDelete,
      lock,
      timings,
      signal,
      report,
    }),
  )
  const { problem } = purged
  return problem?.code === 'FERRY1331'
    ? { problem: { ...problem, fix: deleteByHand(topic.name, run) } }
    : purged
}

/**
 * A topic that was emptied, and of which a broker that was killed right after has brought something back, is emptied again: nothing that others
 * wrote. Answers why it was not.
 */
export const emptyAgain = async (topic: TopicName, run: Run): Promise<Diagnostic | undefined> => {
  const { emptied, markIntents } = run.state()
  if (!emptied?.some((each) => each.topic === topic)) return undefined
  const { target } = run.clusters
  const described = await target.describeTopics([topic])
  const found = described.ok.get(topic)
  if (found === undefined) return described.failed.get(topic)
  if (found === 'absent') return undefined
  const ends = emptiedEnds(emptied, topic, found.topicId)
  const partitions = [...ends.keys()].map((partition) => ({ topic, partition }))
  const starts = await offsetsOf(target, partitions, 'earliest')
  const isBack = [...ends].some(
    ([partition, end]) => starts.get(partitionKey(topic, partition))! < end,
  )
  if (!isBack) return undefined
  run.report(`empties ${topic} again: a broker that was killed has brought its old copy back`)
  const intent = markIntents.find((each) => each.topic === topic) ?? null
  return (await emptyTopic(found, { topic, marks: [], intent }, 'copy', run)).problem
}

/** A log that only says on the live line what people must know. */
export const logTo =
  (report: Run['report']): MirrorLog =>
  ({ level, message }) => {
    if (level === 'warn' || level === 'error') report(message)
  }
