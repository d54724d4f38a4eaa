import { setTimeout as pause } from 'node:timers/promises'
import { type Consumer, Kafka, type KafkaConfig, type Producer } from 'kafkajs'
import { waitFor } from '../kafka/wait.ts'
import type { Ledger } from './_ledger.ts'

/** A service as its team runs it, on kafkajs: it knows the addresses of brokers, and nothing of Ferry. Brokers may die under it at any time. */

const PATIENT = {
  // A request to a broker that was killed is not waited for half a minute.
  requestTimeout: 5000,
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 40 },
}

export interface TopicOfService {
  readonly name: string
  readonly partitions: number
  /** Records come in transactions of five, of which every fourth is aborted. */
  readonly transactional: boolean
  /** Few keys, each written again and again: a cleaner leaves the last record of each. */
  readonly compacted?: boolean
}

/** In each partition. */
const KEYS = 7

interface WrittenRecord {
  readonly partition: number
  readonly key: string
  readonly value: string
}

/** Writes to one topic until it is stopped; every record has an id of its own. */
export class Writer {
  readonly #topic: TopicOfService
  readonly #ledger: Ledger
  readonly #config: KafkaConfig
  readonly #name: string
  readonly #done: Promise<void>
  #isStopping = false
  #count = 0

  constructor(config: KafkaConfig, topic: TopicOfService, ledger: Ledger, name: string) {
    this.#config = { ...config, ...PATIENT, clientId: `writer-${name}` }
    this.#topic = topic
    this.#ledger = ledger
    this.#name = name
    this.#done = this.#write()
    this.#done.catch(() => {})
  }

  /** After what is being sent was acknowledged, or has failed for good. */
  stop(): Promise<void> {
    this.#isStopping = true
    return this.#done
  }

  async #write(): Promise<void> {
    let producer: Producer | undefined
    while (!this.#isStopping) {
      const partition = this.#count % this.#topic.partitions
      const messages = Array.from({ length: 5 }, () => this.#record(partition))
      const ids = messages.map(({ value }) => value)
      if (this.#topic.compacted) {
        for (const { key, value } of messages) this.#ledger.keyed(value, key)
      }
      this.#ledger.sent(ids)
      try {
        producer ??= await this.#connect()
        if (await this.#send(producer, messages)) this.#ledger.acknowledged(ids)
        else this.#ledger.aborted(ids)
      } catch {
        // Whether it was written is unknown. A new producer ends what the old one has left open.
        await producer?.disconnect().catch(() => {})
        producer = undefined
        await pause(200)
      }
      await pause(20)
    }
    await producer?.disconnect().catch(() => {})
  }

  async #connect(): Promise<Producer> {
    const producer = new Kafka(this.#config).producer({
      allowAutoTopicCreation: false,
      idempotent: true,
      maxInFlightRequests: 1,
      ...(this.#topic.transactional && {
        transactionalId: `soak-${this.#topic.name}`,
        transactionTimeout: 10_000,
      }),
    })
    await producer.connect()
    return producer
  }

  /** Its value is its id. */
  #record(partition: number): WrittenRecord {
    const value = `${this.#topic.name}/${this.#name}/${this.#count}`
    const key = `${this.#topic.name}/${partition}/${this.#count % KEYS}`
    this.#count++
    return { partition, key: this.#topic.compacted ? key : value, value }
  }

  /** False: aborted on purpose. */
  async #send(producer: Producer, messages: WrittenRecord[]): Promise<boolean> {
    const batch = { topic: this.#topic.name, messages }
    if (!this.#topic.transactional) {
      await producer.send(batch)
      return true
    }
    const transaction = await producer.transaction()
    try {
      await transaction.send(batch)
      if (this.#count % 20 === 0) {
        await transaction.abort()
        return false
      }
      await transaction.commit()
      return true
    } catch (error) {
      await transaction.abort().catch(() => {})
      throw error
    }
  }
}

let lives = 0

/** Members of one group: each handles what it reads, then commits it. */
export class Readers {
  readonly #members: readonly Consumer[]
  readonly #config: KafkaConfig
  readonly #group: string
  readonly #topics: readonly string[]
  readonly #ledger: Ledger
  readonly #life: string
  #isStopping = false
  #atWork = 0

  private constructor(
    config: KafkaConfig,
    { group, topics, ledger }: Parameters<typeof Readers.start>[1],
    members: readonly Consumer[],
  ) {
    this.#config = config
    this.#group = group
    this.#topics = topics
    this.#ledger = ledger
    this.#members = members
    this.#life = `${group} ${++lives}`
  }

  /** Whose commits these are, and of which partition. */
  #place(topic: string, partition: number): string {
    return `${this.#life} ${topic}:${partition}`
  }

  static async start(
    config: KafkaConfig,
    options: {
      readonly group: string
      readonly members: number
      readonly topics: readonly string[]
      readonly ledger: Ledger
    },
  ): Promise<Readers> {
    const kafka = new Kafka({ ...config, ...PATIENT, clientId: `reader-${options.group}` })
    let readers: Readers | undefined
    const members = Array.from({ length: options.members }, () =>
      kafka.consumer({
        groupId: options.group,
        // One that fell over just before it was told to stop would begin anew after it, for ever.
        retry: {
          ...PATIENT.retry,
          restartOnFailure: async () => readers === undefined || !readers.#isStopping,
        },
        maxWaitTimeInMs: 200,
        sessionTimeout: 6000,
        heartbeatInterval: 500,
      }),
    )
    const made = new Readers(config, options, members)
    readers = made
    await Promise.all(members.map((member) => made.#run(member, options)))
    return made
  }

  /** Careful: what is in hand is committed first. Otherwise it is left in the middle, handled and not committed. */
  async stop(careful: boolean): Promise<void> {
    this.#isStopping = careful
    while (careful && this.#atWork > 0) await pause(20)
    this.#isStopping = true
    await this.#leave()
  }

  /**
   * A client of kafkajs that was about to begin again after an error does so after it was told to stop, and one whose broker is away does not
   * come back from being told: it is told again, and nobody waits for its answer, until the broker says that the group is empty. Where the group
   * is then is what its own clients have left, before anybody else touches it.
   */
  async #leave(): Promise<void> {
    const positions = await waitFor(
      `${this.#group} to have no members`,
      { timeoutMs: 240_000, everyMs: 500 },
      async () => {
        const left = this.#members.map((member) => member.disconnect().catch(() => {}))
        await Promise.race([Promise.all(left), pause(5000)])
        const admin = new Kafka({ ...this.#config, retry: { retries: 1 } }).admin()
        try {
          await admin.connect()
          const { groups } = await admin.describeGroups([this.#group])
          if (groups[0]?.members.length !== 0) return undefined
          return await admin.fetchOffsets({ groupId: this.#group, topics: [...this.#topics] })
        } finally {
          await admin.disconnect().catch(() => {})
        }
      },
    )
    for (const { topic, partitions } of positions) {
      for (const { partition, offset } of partitions) {
        if (Number(offset) >= 0) this.#ledger.left(this.#place(topic, partition), Number(offset))
      }
    }
  }

  async #run(
    member: Consumer,
    { group, topics, ledger }: Parameters<typeof Readers.start>[1],
  ): Promise<void> {
    let joinedAt = ledger.now()
    member.on(member.events.GROUP_JOIN, () => {
      joinedAt = ledger.now()
    })
    // One that is told to stop says that it has committed, and has not asked the broker: only this event tells that it was acknowledged.
    const acknowledged = new Set<string>()
    member.on(member.events.COMMIT_OFFSETS, ({ payload }) => {
      for (const { topic, partitions } of payload.topics) {
        for (const each of partitions) acknowledged.add(`${topic}:${each.partition}@${each.offset}`)
      }
    })
    await member.connect()
    await member.subscribe({ topics: [...topics], fromBeginning: true })
    await member.run({
      autoCommit: false,
      eachBatch: async ({ batch, isRunning, isStale }) => {
        if (this.#isStopping || !isRunning() || isStale() || batch.messages.length === 0) return
        this.#atWork++
        try {
          const { topic, partition } = batch
          const place = this.#place(topic, partition)
          ledger.reads(place, Number(batch.firstOffset()), joinedAt)
          const handled = batch.messages.map(({ value }) =>
            ledger.handled(group, value?.toString() ?? '', joinedAt),
          )
          const offset = String(BigInt(batch.lastOffset()) + 1n)
          const attempt = ledger.committing(place, Number(offset))
          await member.commitOffsets([{ topic, partition, offset }])
          if (acknowledged.delete(`${topic}:${partition}@${offset}`)) {
            ledger.committed(handled, attempt)
          } else ledger.leftOut()
        } finally {
          this.#atWork--
        }
      },
    })
  }
}
