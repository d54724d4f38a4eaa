import type { TopicName } from '../domain/ids.ts'
import type { MarkReverse } from '../domain/step.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { mayPad } from './choose-mode.ts'
import { effective } from './topic-configs.ts'

/**
 * Identical or dense on the way back. Identical is possible where the source lets holes be filled; of
 * each partition whose ends are the same number when it is marked, it becomes so.
 */
export const chooseReverse = (
  { observed }: PlanContext,
  topic: TopicName,
): Pick<MarkReverse, 'mode' | 'because'> => {
  const { source, target } = observed
  const dense = (because: string) => ({ mode: 'dense', because }) as const
  if (!source.fillsHoles) return dense(`${source.name} is older than 2.8`)
  if (source.cluster.authorized !== undefined && !mayPad(source.cluster.authorized)) {
    return dense(
      `the right to fill holes with control markers on ${source.name} is missing (ALTER or CLUSTER_ACTION on the cluster)`,
    )
  }
  const there = target.topics.get(topic)
  if (there && effective(there, 'cleanup.policy')?.includes('compact')) {
    return dense('the topic is compacted')
  }
  return { mode: 'identical', because: '' }
}
