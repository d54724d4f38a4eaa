import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import { partitionKey } from '../../domain/ids.ts'
import { placesOf } from '../../domain/state-places.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import { lostCopy } from '../observed.ts'

/**
 * Topics whose copy somebody deleted: the target topic of a mark is gone, or another one stands in its place. Nothing that was recorded of
 * the copy holds any more, so no step may rest on it.
 */
export const lostCopies = ({ desired, observed, state }: PlanContext): readonly Diagnostic[] => {
  if (state.stage === 'retired') return []
  const { marks, sealedTopics } = placesOf(state)
  const hasMoved = state.syncs.some(({ status }) => status === 'done')
  return desired.topics.flatMap(({ name, at }) => {
    const mark = marks.get(partitionKey(name, 0))
    if (mark === undefined) return []
    const lost = lostCopy(mark, observed)
    if (lost === undefined) return []
    const what =
      lost === 'another'
        ? `has id ${observed.target.topics.get(name)?.description.topicId}, but had ${mark.targetTopicId} at the mark`
        : 'is gone'
    const anew = `make the copy anew: \`ferry resync ${desired.name} --topic ${name}\`.`
    return [
      diagnostic({
        code: 'FERRY1321',
        detail: `${name} on ${observed.target.name} ${what}: what was mirrored into it is not there any more.`,
        fix:
          hasMoved || sealedTopics.has(name)
            ? `Find out who deleted it, and stop its consumers and producers on ${observed.target.name}. Then \`ferry rollback ${desired.name} --to mirrored\`, which says what cannot go back, and ${anew}`
            : `Find out who deleted it, then ${anew}`,
        at,
      }),
    ]
  })
}
