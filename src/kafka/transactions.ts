import type { Answers } from '../domain/answers.ts'
import {
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import { partitionsByTopic } from './by-topic.ts'
import type { ActiveProducer, ListedTransaction } from './cluster.ts'
import { ErrorCode } from './error-codes.ts'
import type { Asked } from './faults.ts'
import type { Session } from './session.ts'
import { describeProducers } from './wire/describe-producers.ts'
import { listTransactions } from './wire/list-transactions.ts'

const asked = (key: PartitionKey): Asked => ({
  what: `describe the producers of ${key}`,
  right: { operation: 'READ', resourceType: 'TOPIC', resourceName: parsePartitionKey(key).topic },
})

/** Producers and transactions: that part of the cluster port. */
export class Transactions {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  producers(
    partitions: readonly TopicPartition[],
  ): Promise<Answers<PartitionKey, readonly ActiveProducer[]>> {
    const keys = partitions.map(({ topic, partition }) => partitionKey(topic, partition))
    return this.#session.settlePerLeader(keys, asked, async (broker, mine, outcomes) => {
      const topics = partitionsByTopic(mine.map(parsePartitionKey))
      for (const answer of await this.#session.call(broker, describeProducers, topics)) {
        const key = partitionKey(answer.topic as TopicName, answer.partition)
        if (answer.code !== 0) {
          outcomes.set(key, this.#session.faults.ofCode(answer.code, asked(key), answer))
          continue
        }
        outcomes.set(key, {
          value: answer.producers.map(({ lastTimestamp, transactionStart, ...producer }) => ({
            ...producer,
            lastTimestamp: Number(lastTimestamp),
            transactionStart: transactionStart < 0n ? null : transactionStart,
          })),
        })
      }
    })
  }

  /** Every broker is asked for the transactional ids that it coordinates. */
  list(): Promise<readonly ListedTransaction[]> {
    const question: Asked = {
      what: 'list transactions',
      right: { operation: 'DESCRIBE', resourceType: 'TRANSACTIONAL_ID', resourceName: '*' },
    }
    return this.#session.ask(question, async () => {
      const brokers = await this.#session.brokers.all()
      const answers = await Promise.all(
        brokers.map((broker) => this.#session.call(broker, listTransactions, undefined)),
      )
      // A broker that has never coordinated one has no log of them to load.
      const told = answers.filter(({ code }) => code !== ErrorCode.COORDINATOR_NOT_AVAILABLE)
      for (const { code } of told) this.#session.throwIfCode({ code, message: null }, question)
      return told.flatMap(({ transactions }) => transactions)
    })
  }
}
