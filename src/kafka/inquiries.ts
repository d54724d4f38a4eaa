import {
  type PartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import { partitionsByTopic } from './by-topic.ts'
import type { Asked } from './faults.ts'
import type { BrokerDisks, ClockReading } from './inquiry.ts'
import type { Session } from './session.ts'
import { describeLogDirs } from './wire/describe-log-dirs.ts'
import { describeQuorum } from './wire/describe-quorum.ts'

const askedCluster = (what: string): Asked => ({
  what,
  right: { operation: 'DESCRIBE', resourceType: 'CLUSTER', resourceName: 'kafka-cluster' },
})

/** The questions of {@link Inquiry}, as that part of the cluster port. */
export class Inquiries {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async disks(
    partitions: readonly TopicPartition[],
  ): Promise<readonly BrokerDisks[] | 'unsupported'> {
    if (this.#session.brokers.supports(describeLogDirs) === undefined) return 'unsupported'
    const asked = askedCluster('describe the log folders')
    return this.#session.ask(asked, async () => {
      await this.#session.brokers.refresh()
      return Promise.all(
        [...this.#session.brokers.addresses.keys()].map(async (nodeId): Promise<BrokerDisks> => {
          const broker = await this.#session.brokers.node(nodeId)
          const answer = await this.#session.call(
            broker,
            describeLogDirs,
            partitionsByTopic(partitions),
          )
          this.#session.throwIfCode(answer, asked)
          for (const { code } of answer.folders) {
            this.#session.throwIfCode({ code, message: null }, asked)
          }
          const sizes = new Map<PartitionKey, number>()
          for (const { topic, partition, size, isFuture } of answer.folders.flatMap(
            (folder) => folder.replicas,
          )) {
            if (!isFuture) sizes.set(partitionKey(topic as TopicName, partition), size)
          }
          const known = answer.folders.filter((folder) => folder.usableBytes >= 0)
          return {
            nodeId,
            usableBytes:
              known.length === 0
                ? undefined
                : known.reduce((sum, folder) => sum + folder.usableBytes, 0),
            sizes,
          }
        }),
      )
    })
  }

  async clock(now: () => Date): Promise<ClockReading | 'unsupported'> {
    if (this.#session.brokers.supports(describeQuorum) === undefined) return 'unsupported'
    const asked = askedCluster('describe the quorum of controllers')
    return this.#session.ask(asked, async () => {
      const broker = await this.#session.brokers.any()
      const sent = now().getTime()
      const answer = await this.#session.call(broker, describeQuorum, undefined)
      const received = now().getTime()
      this.#session.throwIfCode(answer, asked)
      const leader = answer.voters.find((voter) => voter.replicaId === answer.leaderId)
      if (leader === undefined || leader.lastFetchTimestamp <= 0) return 'unsupported'
      return {
        of: `controller ${leader.replicaId}`,
        aheadMs: Math.round(leader.lastFetchTimestamp - (sent + received) / 2),
        uncertaintyMs: Math.ceil((received - sent) / 2),
      }
    })
  }
}
