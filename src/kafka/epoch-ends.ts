import type { Answers } from '../domain/answers.ts'
import {
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type TopicName,
} from '../domain/ids.ts'
import type { EpochEnd } from './cluster.ts'
import type { Session } from './session.ts'
import { askedTopic, byTopic } from './topics.ts'
import { offsetForLeaderEpoch } from './wire/offset-for-leader-epoch.ts'

/** See `Cluster.epochEnds`. */
export const epochEnds = (
  session: Session,
  epochs: ReadonlyMap<PartitionKey, number | 'current'>,
): Promise<Answers<PartitionKey, EpochEnd>> => {
  const asked = (key: PartitionKey) => ({
    ...askedTopic('read the leader epochs of', 'DESCRIBE', parsePartitionKey(key).topic),
    what: `read where leader epoch ${epochs.get(key)} of ${key} ended`,
  })
  return session.settlePerLeader([...epochs.keys()], asked, async (broker, mine, outcomes) => {
    const names = [...new Set(mine.map((key) => parsePartitionKey(key).topic))]
    // From memory: the leader that is asked was found there too.
    const leaders = await session.leaders(names, Number.POSITIVE_INFINITY)
    const topics = byTopic(mine, ({ key, partition }) => {
      const currentLeaderEpoch = leaders.get(key)?.leaderEpoch ?? -1
      const epoch = epochs.get(key)!
      const leaderEpoch = epoch === 'current' ? currentLeaderEpoch : epoch
      return { partition, currentLeaderEpoch, leaderEpoch }
    })
    const answers = await session.call(broker, offsetForLeaderEpoch, { topics })
    for (const { topic, partition, code, leaderEpoch, endOffset } of answers) {
      const key = partitionKey(topic as TopicName, partition)
      const fault = () => session.faults.ofCode(code, asked(key))
      outcomes.set(key, code === 0 ? { value: { leaderEpoch, endOffset } } : fault())
    }
  })
}
