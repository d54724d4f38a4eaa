import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import { hidesBelow, isOther } from '../../domain/mark.ts'
import { someNames } from '../../steps/_words.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import { partitionAt } from '../observed.ts'

/** Filler, or an earlier copy, that a crash of the target's brokers has brought back below marks, and that nobody has deleted again. Pure. */
export const belowMarks = ({ desired, observed, state }: PlanContext): readonly Diagnostic[] => {
  if (state.stage === 'retired') return []
  const { name, topics } = observed.target
  const back = state.marks.flatMap((mark) => {
    const topic = topics.get(mark.topic)
    const there = partitionAt(topic, mark.partition)
    if (!hidesBelow(mark) || topic === undefined || there === undefined) return []
    if (isOther(mark.targetTopicId, topic.description.topicId)) return []
    const { logStart, highWatermark } = there
    // Right after a crash a leader announces less than it holds.
    const to = highWatermark < mark.targetStart ? highWatermark : (mark.targetStart as bigint)
    return logStart < to ? [`${mark.topic}-${mark.partition} (${logStart} to ${to - 1n})`] : []
  })
  if (back.length === 0) return []
  return [
    diagnostic({
      code: 'FERRY1323',
      severity: 'warning',
      detail: `What Ferry had deleted below marks can be read on ${name} again: ${someNames(back)}. Its brokers were killed before they had made that durable.`,
      fix: `Let nobody read it there from the beginning. \`ferry mirror ${desired.name}\` deletes it again at once.`,
    }),
  ]
}
