import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicPartition } from '../domain/ids.ts'
import type { MarkIntent } from '../domain/state.ts'
import type { MarkTopic } from '../domain/step.ts'
import { primeTopic } from '../mirror/prime.ts'
import { withPartitions } from '../mirror/with-partitions.ts'
import { logTo } from './empty-topic.ts'
import { logEnds } from './log-ends.ts'
import { offsetsOf } from './partitions-now.ts'
import { startsFrom } from './start-from.ts'
import type { Run } from './step-kind.ts'

/** Where mirroring of a partition begins. */
export interface Start {
  readonly source: bigint
  readonly target: bigint
}

export const partitionsOf = ({
  topic,
  partitions,
  first = 0,
}: MarkTopic): readonly TopicPartition[] =>
  Array.from({ length: partitions - first }, (_, i) => ({ topic, partition: first + i }))

/** A mark that was begun before the partition came says nothing of where it begins: its first record does. */
const startsOf = (step: MarkTopic, partitions: readonly TopicPartition[], run: Run) =>
  step.first === undefined
    ? startsFrom(run, partitions)
    : offsetsOf(run.clusters.source, partitions, 'earliest')

/** Retention may move the source's log start while the target is primed: prime on until both are the same. */
export const primedStarts = async (
  step: MarkTopic,
  partitions: readonly TopicPartition[],
  intent: MarkIntent,
  isFirst: boolean,
  run: Run,
): Promise<ReadonlyMap<PartitionKey, Start>> => {
  const { target, source } = run.clusters
  const { timings, signal, report } = run
  const member = { project: run.project.name, target, timings, log: logTo(report), signal, report }
  const starts = await withPartitions(
    member,
    new Map([[step.topic, step.partitions]]),
    async (held) => {
      // Asked once: the end of a log that is written to would be another one each time.
      const wanted = await startsOf(step, partitions, run)
      let upTo = wanted
      for (;;) {
        await primeTopic({
          target,
          topic: step.topic,
          partitions: partitions.map(({ topic, partition }) => ({
            partition,
            upTo: upTo.get(partitionKey(topic, partition))!,
          })),
          filler: { producerId: intent.fillerProducerId, epoch: intent.fillerProducerEpoch },
          lock: held,
          isFirst,
          timings,
          report,
          signal,
        })
        const earliest = await offsetsOf(source, partitions, 'earliest')
        const again = new Map(
          [...earliest].map(([key, start]) => {
            const asked = wanted.get(key)!
            return [key, asked > start ? asked : start] as const
          }),
        )
        if ([...again].every(([key, start]) => start === upTo.get(key))) return upTo
        upTo = again
      }
    },
  )
  return new Map([...starts].map(([key, start]) => [key, { source: start, target: start }]))
}

export const emptyStarts = async (
  step: MarkTopic,
  partitions: readonly TopicPartition[],
  run: Run,
): Promise<ReadonlyMap<PartitionKey, Start>> => {
  const { target } = run.clusters
  const [starts, targetStarts, ends] = await Promise.all([
    startsOf(step, partitions, run),
    offsetsOf(target, partitions, 'earliest'),
    logEnds(target, partitions),
  ])
  for (const [key, end] of ends) {
    if (end !== targetStarts.get(key)) {
      throw new FerryError(
        diagnostic({
          code: 'FERRY1305',
          detail: `${key} on ${target.name} holds offsets ${targetStarts.get(key)} to ${end - 1n}, which Ferry did not write.`,
          fix: `Delete ${step.topic} on ${target.name} if nobody needs it, and make a new plan.`,
        }),
      )
    }
  }
  return new Map(
    [...starts].map(([key, start]) => [key, { source: start, target: ends.get(key)! }]),
  )
}
