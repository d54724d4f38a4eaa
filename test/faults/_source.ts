import { setTimeout as pause } from 'node:timers/promises'
import kafkajs, { type Producer } from 'kafkajs'
import type { PartitionKey, TopicPartition } from '../../src/domain/ids.ts'
import type { BrokerLink, Cluster } from '../../src/kafka/cluster.ts'
import { encodeBatch, encodeFiller, MAX_FILLER_RECORDS } from '../../src/records/index.ts'
import type { TestCluster } from '../kafka/index.ts'
import { untilMarked } from '../kafka/transactions.ts'
import { waitFor } from '../kafka/wait.ts'
import { topicName } from '../mirror/_support.ts'
import { DAY, keyOf, partitionsOf } from './_world.ts'

/**
 * What no Java client can write: records without a time, and logs that begin in the millions. Ferry's own code makes the bytes; who judges
 * them is the oracle.
 */

/** UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER. */
const NOT_YET = new Set([3, 6])

type Write = (topic: string, partition: number, batch: Buffer) => Promise<void>

const withLink = async (cluster: Cluster, use: (write: Write) => Promise<void>): Promise<void> => {
  const links = new Map<number, Promise<BrokerLink>>()
  const leaders = new Map<PartitionKey, number>()
  const linkTo = async (key: PartitionKey, topic: string): Promise<BrokerLink | undefined> => {
    const leader =
      leaders.get(key) ?? (await cluster.leaders([topicName(topic)], 0)).get(key)?.leader
    if (leader === undefined || leader < 0) return undefined
    leaders.set(key, leader)
    const link = links.get(leader) ?? cluster.connectBroker(leader)
    links.set(leader, link)
    return link
  }
  try {
    await use(async (topic, partition, batch) => {
      const partitions = [{ partition, batch: [batch] }]
      const topics = [{ topic: topicName(topic), partitions }]
      const key = keyOf(topic, partition)
      await waitFor(`${topic} to be written`, { timeoutMs: 60_000 }, async () => {
        const link = await linkTo(key, topic)
        if (link === undefined) return undefined
        const [answer] = await link.produce({ topics, timeoutMs: 10_000 })
        if (answer?.errorCode === 0) return true
        leaders.delete(key)
        // A topic that was just created: refused, so it can be sent again.
        if (NOT_YET.has(answer?.errorCode ?? -1)) return undefined
        throw new Error(`${topic}: error ${answer?.errorCode}`)
      })
    })
  } finally {
    for (const link of links.values()) await (await link).close()
  }
}

/** Lets the logs of an empty topic begin here, as years of use and retention do. */
export const beginAt = async (
  cluster: Cluster,
  topic: string,
  starts: readonly number[],
): Promise<void> => {
  await withLink(cluster, async (write) => {
    for (const [partition, start] of starts.entries()) {
      for (let at = 0; at < start; at += MAX_FILLER_RECORDS) {
        const count = Math.min(MAX_FILLER_RECORDS, start - at)
        const nobody = { producerId: -1n, epoch: -1, baseSequence: -1 }
        await write(topic, partition, encodeFiller(count, nobody))
      }
    }
  })
  const below = new Map<PartitionKey, bigint>(
    starts.map((start, partition) => [keyOf(topic, partition), BigInt(start)]),
  )
  const { failed } = await cluster.deleteRecords(below)
  if (failed.size > 0) throw new Error(`${topic}: ${JSON.stringify([...failed.values()])}`)
}

/** Records with the timestamp -1, every other batch compressed, with headers and empty and null values among them. */
export const writeUntimed = (
  cluster: Cluster,
  topic: string,
  options: { readonly partitions: number; readonly perPartition: number },
): Promise<void> =>
  withLink(cluster, async (write) => {
    const BATCH = 500
    for (let partition = 0; partition < options.partitions; partition++) {
      for (let at = 0; at < options.perPartition; at += BATCH) {
        const records = Array.from(
          { length: Math.min(BATCH, options.perPartition - at) },
          (_, i) => {
            const id = at + i
            return {
              timestamp: -1,
              key: id % 7 === 0 ? null : Buffer.from(`key-${id}`),
              value: id % 11 === 0 ? null : Buffer.from(`untimed-${partition}-${id}`),
              headers: id % 5 === 0 ? [{ key: Buffer.from('h'), value: Buffer.from(`${id}`) }] : [],
            }
          },
        )
        const codec = (at / BATCH) % 2 === 0 ? 'none' : 'gzip'
        await write(topic, partition, encodeBatch({ records, codec }))
      }
    }
  })

/** A service that goes on writing to the source until it is stopped. */
export class LiveWriter {
  readonly #done: Promise<void>
  #isStopping = false

  constructor(cluster: Cluster, topic: string, partitions: number) {
    this.#done = withLink(cluster, async (write) => {
      for (let id = 0; !this.#isStopping; ) {
        const timestamp = Date.now()
        const records = Array.from({ length: 50 }, () => ({
          timestamp,
          key: Buffer.from(`live-${id}`),
          value: Buffer.from(`live record ${id++}`),
        }))
        await write(topic, Math.floor(id / 50) % partitions, encodeBatch({ records }))
        await pause(25)
      }
    })
    // Its failure is `stop`'s to tell.
    this.#done.catch(() => {})
  }

  stop(): Promise<void> {
    this.#isStopping = true
    return this.#done
  }
}

/** A service that goes on writing transactions, records of three days ago to all partitions, until it is stopped. Each fourth is aborted. */
export class TransactionWriter {
  readonly #cluster: TestCluster
  readonly #topic: string
  readonly #producer: Producer
  readonly #done: Promise<void>
  #isStopping = false
  #committed = 0

  private constructor(cluster: TestCluster, producer: Producer, topic: string, partitions: number) {
    this.#cluster = cluster
    this.#topic = topic
    this.#producer = producer
    this.#done = this.#write(topic, partitions)
    // Its failure is `stop`'s to tell.
    this.#done.catch(() => {})
  }

  static async start(
    cluster: TestCluster,
    topic: string,
    partitions: number,
  ): Promise<TransactionWriter> {
    const producer = new kafkajs.Kafka(cluster.kafka()).producer({
      transactionalId: topic,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    return new TransactionWriter(cluster, producer, topic, partitions)
  }

  /** Answers how many records were committed. */
  async stop(): Promise<number> {
    this.#isStopping = true
    await this.#done.finally(() => this.#producer.disconnect())
    await untilMarked(this.#cluster, this.#topic)
    return this.#committed
  }

  async #write(topic: string, partitions: number): Promise<void> {
    const timestamp = String(Date.now() - 3 * DAY)
    for (let id = 0; !this.#isStopping; id++) {
      const messages = Array.from({ length: 10 * partitions }, (_, i) => ({
        partition: i % partitions,
        key: `key-${id}-${i}`,
        value: `value-${id}-${i}`.padEnd(100, '.'),
        timestamp,
      }))
      const transaction = await this.#producer.transaction()
      await transaction.send({ topic, messages })
      if (id % 4 === 3) await transaction.abort()
      else {
        await transaction.commit()
        this.#committed += messages.length
      }
      await pause(10)
    }
  }
}

export interface BacklogOptions {
  readonly source: Cluster
  readonly target: Cluster
  readonly topic: string
  readonly partitions: number
  /** How far behind each partition is kept, at least. */
  readonly records: number
  readonly timestamp: number
}

/**
 * Gives every partition something to copy until it is stopped, however fast the copy is: who waits for a partition to grow never waits
 * for one that is finished. For topics with identical offsets.
 */
export class Backlog {
  readonly #options: BacklogOptions
  readonly #done: Promise<void>
  #isStopping = false
  #written = 0

  private constructor(options: BacklogOptions, isFilled: () => void) {
    this.#options = options
    this.#done = withLink(options.source, async (write) => {
      // There may be no target topic yet.
      await this.#fill(write, await this.#ends(options.source))
      isFilled()
      while (!this.#isStopping) {
        await this.#fill(write, await this.#ends(options.target))
        await pause(50)
      }
    })
    // Its failure is `stop`'s to tell.
    this.#done.catch(() => {})
  }

  /** Resolves once there is something to copy. */
  static async start(options: BacklogOptions): Promise<Backlog> {
    let isFilled = () => {}
    const filled = new Promise<void>((resolve) => {
      isFilled = resolve
    })
    const backlog = new Backlog(options, isFilled)
    await Promise.race([filled, backlog.#done])
    return backlog
  }

  /** Answers how many records it has written. */
  async stop(): Promise<number> {
    this.#isStopping = true
    await this.#done
    return this.#written
  }

  async #fill(write: Write, copied: ReadonlyMap<PartitionKey, bigint>): Promise<void> {
    const { source, topic, records } = this.#options
    const ends = await this.#ends(source)
    for (const { partition } of this.#partitions()) {
      const key = keyOf(topic, partition)
      const behind = Number(ends.get(key)! - (copied.get(key) ?? 0n))
      for (let more = records - behind; more > 0; more -= BACKLOG_BATCH) {
        await write(topic, partition, this.#batch())
      }
    }
  }

  async #ends(cluster: Cluster): Promise<ReadonlyMap<PartitionKey, bigint>> {
    return (await cluster.listOffsets(this.#partitions(), 'latest')).ok
  }

  #partitions(): TopicPartition[] {
    return partitionsOf(this.#options.topic, this.#options.partitions)
  }

  #batch(): Buffer {
    const { timestamp } = this.#options
    const records = Array.from({ length: BACKLOG_BATCH }, () => ({
      timestamp,
      key: Buffer.from(`key-${this.#written}`),
      value: Buffer.from(`value-${this.#written++}`.padEnd(100, '.')),
    }))
    return encodeBatch({ records })
  }
}

const BACKLOG_BATCH = 500
