import { Kafka, type KafkaConfig, type Producer } from 'kafkajs'
import { idOf, message, short, TOPICS } from './fill.ts'
import type { Tally } from './tally.ts'

/** The order service as its team runs it: it knows brokers and a password, and nothing of Ferry. */

/**
 * Two producers that write orders and payments until they are stopped. On the old cluster payments go to partition 0 alone: the expired
 * and the empty one stay so, and no group has a position there when it moves.
 */
export class OrderProducers {
  readonly #config: KafkaConfig
  readonly #tally: Tally
  readonly #name: string
  #running: Promise<void>[] = []
  #stopping = false

  constructor(config: KafkaConfig, tally: Tally, name: string) {
    this.#config = config
    this.#tally = tally
    this.#name = name
  }

  async start(): Promise<void> {
    this.#stopping = false
    const producers = await Promise.all(
      [1, 2].map(async (n) => {
        const producer = new Kafka({ ...this.#config, clientId: `orders-shop-${n}` }).producer({
          allowAutoTopicCreation: false,
        })
        await producer.connect()
        return producer
      }),
    )
    this.#running = producers.map((producer, i) => this.#write(producer, `${this.#name}${i + 1}`))
  }

  /** Stops after the batch that is being sent was acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#running)
  }

  #place(topic: string): { readonly partition?: number } {
    return this.#name === 'old' && topic === 'orders.payments' ? { partition: 0 } : {}
  }

  async #write(producer: Producer, name: string): Promise<void> {
    let count = 0
    while (!this.#stopping) {
      for (const { topic } of TOPICS) {
        const ids = Array.from({ length: 20 }, () => `${name}-${short(topic)}-${count++}`)
        const place = this.#place(topic)
        const messages = ids.map((id) => ({ key: id, value: message(id), ...place }))
        await producer.send({ topic, messages })
        // Counted when acknowledged: what was sent and not acknowledged is the service's own to retry, and kafkajs does.
        for (const id of ids) this.#tally.produced(topic, id)
      }
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
    await producer.disconnect()
  }
}

/** A group of consumers that note each record they handle, then commit. */
export class OrderConsumers {
  readonly #config: KafkaConfig
  readonly #tally: Tally
  readonly #group: string
  readonly #members: number
  readonly #perSecond: number
  #consumers: { stop(): Promise<void> }[] = []

  constructor(
    config: KafkaConfig,
    tally: Tally,
    options: { readonly group: string; readonly members: number; readonly perSecond: number },
  ) {
    this.#config = config
    this.#tally = tally
    this.#group = options.group
    this.#members = options.members
    this.#perSecond = options.perSecond
  }

  /** Returns once every consumer has its partitions. */
  async start(): Promise<void> {
    this.#consumers = await Promise.all(
      Array.from({ length: this.#members }, (_, i) => this.#startOne(i)),
    )
  }

  /** Each finishes the batch in hand and commits it before any of them leaves, as a careful service does. */
  async stop(): Promise<void> {
    await Promise.all(this.#consumers.map((c) => c.stop()))
    this.#consumers = []
  }

  async #startOne(index: number): Promise<{ stop(): Promise<void> }> {
    const consumer = new Kafka({
      ...this.#config,
      clientId: `${this.#group}-${index + 1}`,
    }).consumer({
      groupId: this.#group,
      maxBytesPerPartition: 64 * 1024,
      maxWaitTimeInMs: 200,
    })
    await consumer.connect()
    await consumer.subscribe({ topics: TOPICS.map((t) => t.topic), fromBeginning: true })
    let stopping = false
    let atWork = 0
    const joined = new Promise<void>((resolve) => {
      consumer.on(consumer.events.GROUP_JOIN, () => resolve())
    })
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: async ({ batch, isRunning, isStale, heartbeat }) => {
        if (stopping || !isRunning() || isStale()) return
        atWork++
        try {
          for (const record of batch.messages) {
            this.#tally.handled(this.#group, batch.topic, idOf(record.value))
          }
          await consumer.commitOffsets([
            {
              topic: batch.topic,
              partition: batch.partition,
              offset: String(BigInt(batch.lastOffset()) + 1n),
            },
          ])
          await heartbeat()
          await new Promise((resolve) =>
            setTimeout(resolve, (batch.messages.length / this.#perSecond) * 1000),
          )
        } finally {
          atWork--
        }
      },
    })
    await joined
    return {
      stop: async () => {
        stopping = true
        while (atWork > 0) await new Promise((resolve) => setTimeout(resolve, 20))
        await consumer.disconnect()
      },
    }
  }
}
