import type { Answers } from '../domain/answers.ts'
import {
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import { askedTopic, unlessNew, unlessPolicyIsNew } from './asked-topic.ts'
import { byTopic } from './by-topic.ts'
import type { LeaderEnd, OffsetAt } from './cluster.ts'
import type { Session } from './session.ts'
import { deleteRecords } from './wire/delete-records.ts'
import { listOffsets } from './wire/list-offsets.ts'

const EARLIEST = -2n
const LATEST = -1n

/** Where the logs of partitions begin and end: that part of the cluster port. Each is asked of its leader. */
export class LogOffsets {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  list(
    partitions: readonly TopicPartition[],
    at: OffsetAt,
  ): Promise<Answers<PartitionKey, bigint>> {
    const keys = partitions.map(({ topic, partition }) => partitionKey(topic, partition))
    const asked = (key: PartitionKey) => ({
      ...askedTopic('read the offsets of', 'DESCRIBE', parsePartitionKey(key).topic),
      what: `read the ${at instanceof Date ? `first offset since ${at.toISOString()}` : `${at} offset`} of ${key}`,
    })
    return this.#session.settlePerLeader(keys, asked, async (broker, mine, outcomes, round) => {
      const topics = byTopic(mine, ({ partition }) => ({ partition, leaderEpoch: -1 }))
      const answers = await this.#session.call(broker, listOffsets, {
        readCommitted: at === 'stable',
        timestamp:
          at instanceof Date ? BigInt(at.getTime()) : at === 'earliest' ? EARLIEST : LATEST,
        topics,
      })
      for (const { topic, partition, code, offset } of answers) {
        const key = partitionKey(topic as TopicName, partition)
        const fault = () =>
          unlessNew(this.#session.faults, { code, message: null }, asked(key), round)
        outcomes.set(key, code === 0 ? { value: offset } : fault())
      }
    })
  }

  deleteRecords(before: ReadonlyMap<PartitionKey, bigint>): Promise<Answers<PartitionKey, bigint>> {
    const asked = (key: PartitionKey) => ({
      ...askedTopic('delete records of', 'DELETE', parsePartitionKey(key).topic),
      what: `delete the records of ${key} below ${before.get(key)}`,
    })
    const timeoutMs = this.#session.brokers.options.requestTimeoutMs
    return this.#session.settlePerLeader(
      [...before.keys()],
      asked,
      async (broker, mine, outcomes, round) => {
        const topics = byTopic(mine, ({ key, partition }) => ({
          partition,
          before: before.get(key)!,
        }))
        const answers = await this.#session.call(broker, deleteRecords, {
          topics,
          timeoutMs: timeoutMs / 2,
        })
        for (const { topic, partition, code, lowWatermark } of answers) {
          const key = partitionKey(topic as TopicName, partition)
          const fault = () => unlessPolicyIsNew(this.#session.faults, code, asked(key), round)
          outcomes.set(key, code === 0 ? { value: lowWatermark } : fault())
        }
      },
    )
  }

  leaderEnds(partitions: readonly TopicPartition[]): Promise<Answers<PartitionKey, LeaderEnd>> {
    const keys = partitions.map(({ topic, partition }) => partitionKey(topic, partition))
    const asked = (key: PartitionKey) => ({
      ...askedTopic('read the log end of', 'DESCRIBE', parsePartitionKey(key).topic),
      what: `read where the leader's log of ${key} ends`,
    })
    // The epoch is that of the leader that is asked: by another one, or none, one that is not in office any more would be taken at its word.
    return this.#session.settlePerLeader(
      keys,
      asked,
      async (broker, mine, outcomes, _, leaders) => {
        const answers = await this.#session.call(broker, listOffsets, {
          readCommitted: false,
          asFollower: true,
          timestamp: LATEST,
          topics: byTopic(mine, ({ key, partition }) => ({
            partition,
            leaderEpoch: leaders.get(key)!.leaderEpoch,
          })),
        })
        for (const { topic, partition, code, leaderEpoch, offset: end } of answers) {
          const key = partitionKey(topic as TopicName, partition)
          const { leader } = leaders.get(key)!
          const fault = () => this.#session.faults.ofCode(code, asked(key))
          outcomes.set(key, code === 0 ? { value: { leader, leaderEpoch, end } } : fault())
        }
      },
    )
  }
}
