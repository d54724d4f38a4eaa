import { diagnostic } from '../domain/diagnostic.ts'
import { emptiedEnds } from '../domain/emptied.ts'
import { partitionKey } from '../domain/ids.ts'
import { withoutCreated } from '../domain/state.ts'
import type { DeleteTopic } from '../domain/step.ts'
import { counted } from './_words.ts'
import { logEnds } from './log-ends.ts'
import { deleteByHand } from './not-only-the-copy.ts'
import { notAskedFor } from './own-creation.ts'
import { offsetsOf } from './partitions-now.ts'
import type { StepKind } from './step-kind.ts'

const NEVER_ANSWERED =
  'it is not there, and no answer came when it was asked for: should it come still, nothing deletes it'

/** Deletes a topic of the target that Ferry has made, if it is that very topic and holds no record. */
export const deleteTopic: StepKind<DeleteTopic> = {
  kind: 'delete-topic',

  plan: () => ({ steps: [] }),

  gates: () => [],

  apply: async (step, run) => {
    const { target } = run.clusters
    const forget = () =>
      run.decide((state) => ({
        ...withoutCreated(state, step.topic),
        emptied: (state.emptied ?? []).filter(({ topic }) => topic !== step.topic),
      }))
    const described = await target.describeTopics([step.topic])
    const topic = described.ok.get(step.topic)
    if (topic === undefined) return { done: false, problem: described.failed.get(step.topic)! }
    const asked = run.state().creating?.find((each) => each.topic === step.topic)
    if (topic === 'absent') {
      await forget()
      return { done: true, facts: asked ? { left: NEVER_ANSWERED } : {} }
    }
    const another = asked && (await notAskedFor(target, asked, topic))
    if (another !== undefined) {
      await forget()
      return { done: true, facts: { left: `it is not the topic that Ferry asked for: ${another}` } }
    }
    const refuse = (detail: string) => ({
      done: false as const,
      problem: diagnostic({
        code: 'FERRY1331',
        detail,
        fix: deleteByHand(step.topic, run),
      }),
    })
    if (!run.state().createdTopics.includes(step.topic)) {
      return refuse(`Ferry has not made ${step.topic} on ${target.name}.`)
    }
    if ((topic.topicId ?? null) !== step.topicId) {
      return refuse(
        `${step.topic} on ${target.name} has id ${topic.topicId}; planned was to delete ${step.topicId}. Somebody made it anew.`,
      )
    }
    const partitions = topic.partitions.map(({ partition }) => ({ topic: step.topic, partition }))
    const [starts, ends] = await Promise.all([
      offsetsOf(target, partitions, 'earliest'),
      logEnds(target, partitions),
    ])
    const emptied = emptiedEnds(run.state().emptied, step.topic, topic.topicId)
    for (const { partition } of partitions) {
      const key = partitionKey(step.topic, partition)
      const end = ends.get(key)!
      const below = emptied.get(partition) ?? 0n
      if (starts.get(key)! < end && end < below) {
        return refuse(
          `${key} on ${target.name} was emptied up to ${below}, and ends at ${end} since a crash of its broker: that holds offsets ${starts.get(key)} to ${end - 1n} of the old copy, or what others wrote instead.`,
        )
      }
      // What a crash has brought back below is the mirror's.
      const start = starts.get(key)! > below ? starts.get(key)! : below
      if (end <= start) continue
      return refuse(
        `${key} on ${target.name} holds ${counted(end - start, 'offset')} (${start} to ${end - 1n}) that Ferry did not mirror.`,
      )
    }
    const answers = await target.deleteTopics([step.topic])
    const problem = answers.failed.get(step.topic)
    if (problem) return { done: false, problem }
    await forget()
    return { done: true, facts: { topicId: step.topicId } }
  },

  describe: (step) => ({
    symbol: '-',
    noun: 'topic',
    name: step.topic,
    says: 'delete on the target: Ferry made it, and it is empty then',
  }),
}
