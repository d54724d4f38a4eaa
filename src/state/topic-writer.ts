import { setTimeout as sleep } from 'node:timers/promises'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { partitionKey } from '../domain/ids.ts'
import type {
  BrokerLink,
  ProducedPartition,
  ProducerIdentity,
  TransactionalProducer,
} from '../kafka/cluster.ts'
import { LinkLost } from '../kafka/cluster.ts'
import { ErrorCode, errorName, isRetriable } from '../kafka/error-codes.ts'
import { ATTRIBUTES } from '../records/batch.ts'
import { encodeBatch } from '../records/write-batch.ts'
import { recordsOf, type StateRecord, type StateTable, type StateWrite } from './state-table.ts'
import { PROGRESS, type StateTopic } from './state-topic.ts'

const REQUEST_MS = 10_000
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 500

/** This producer's epoch or its sequence is over: whatever it wrote in an open transaction is never visible. */
const OVER = new Set<number>([
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.UNKNOWN_PRODUCER_ID,
  ErrorCode.PRODUCER_FENCED,
])

/** A producer and how many records it has written to the partition. */
interface Sequenced {
  readonly producer: ProducerIdentity
  sequence: number
}

/**
 * Writes to the state topic, one batch in flight: acks of all replicas, and a sequence, so that a batch that is sent again after a lost
 * answer is there once and in its place.
 */
export class TopicWriter {
  readonly #topic: StateTopic
  readonly #patienceMs: number
  /** By partition. */
  readonly #sequences = new WeakMap<TransactionalProducer, Map<number, Sequenced>>()
  #progress: Sequenced | undefined
  readonly #links = new Map<number, Promise<BrokerLink>>()

  constructor(topic: StateTopic, patienceMs: number) {
    this.#topic = topic
    this.#patienceMs = patienceMs
  }

  /**
   * All of it or nothing, on all these partitions. `fenced`: the transactional id was taken since; what was written is not there, unless the
   * answer to its commit was lost: read and see.
   */
  async transact(
    producer: TransactionalProducer,
    parts: readonly {
      readonly partition: number
      readonly writes: readonly StateWrite[]
      readonly table: StateTable
    }[],
  ): Promise<'ok' | 'fenced'> {
    const batches = await Promise.all(
      parts.map(({ writes, table }) => this.#batches(writes, table)),
    )
    const { topic } = this.#topic
    const partitions = parts.map(({ partition }) => ({ topic, partition }))
    if ((await producer.add(partitions)) === 'fenced') return 'fenced'
    const sequences = this.#sequences.get(producer) ?? new Map<number, Sequenced>()
    this.#sequences.set(producer, sequences)
    for (const [i, { partition }] of parts.entries()) {
      const sequenced = sequences.get(partition) ?? { producer, sequence: 0 }
      sequences.set(partition, sequenced)
      for (const records of batches[i] ?? []) {
        const written = await this.#produce(partition, records, sequenced, producer.transactionalId)
        if (written === 'over') return 'fenced'
      }
    }
    return producer.end(true)
  }

  /** On the partition of the progress, in their order, without a transaction. */
  async append(writes: readonly StateWrite[], table: StateTable): Promise<void> {
    for (const records of await this.#batches(writes, table)) {
      for (;;) {
        this.#progress ??= {
          producer: await this.#topic.cluster.initProducerId(),
          sequence: 0,
        }
        if ((await this.#produce(PROGRESS, records, this.#progress)) === 'ok') break
        // The broker has forgotten this producer, which it does after a day without a write: the same content, from a new one.
        this.#progress = undefined
      }
    }
  }

  async close(): Promise<void> {
    const links = [...this.#links.values()]
    this.#links.clear()
    await Promise.allSettled(links.map(async (link) => (await link).close()))
  }

  async #batches(
    writes: readonly StateWrite[],
    table: StateTable,
  ): Promise<readonly (readonly StateRecord[])[]> {
    const { textBytes } = await this.#topic.open()
    const batches: StateRecord[][] = []
    let bytes = Number.POSITIVE_INFINITY
    for (const write of writes) {
      for (const record of recordsOf(write, table.partsOf(write.key), textBytes)) {
        const size = 64 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
        if (bytes + size > textBytes) {
          batches.push([])
          bytes = 0
        }
        batches.at(-1)?.push(record)
        bytes += size
      }
    }
    return batches
  }

  async #produce(
    partition: number,
    records: readonly StateRecord[],
    sequenced: Sequenced,
    transactionalId?: string,
  ): Promise<'ok' | 'over'> {
    const batch = encodeBatch({
      records: records.map(({ key, value, header }) => ({
        timestamp: Date.now(),
        key,
        value,
        headers: [{ key: Buffer.from('ferry'), value: Buffer.from(header) }],
      })),
      producerId: sequenced.producer.producerId,
      epoch: sequenced.producer.epoch,
      baseSequence: sequenced.sequence,
      attributes: transactionalId === undefined ? 0 : ATTRIBUTES.transactional,
    })
    const started = performance.now()
    for (let round = 0; ; round++) {
      const answer = await this.#send(partition, batch, transactionalId, round > 0)
      const code = typeof answer === 'string' ? undefined : answer.errorCode
      if (code === ErrorCode.NONE || code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
        sequenced.sequence += records.length
        return 'ok'
      }
      if (code !== undefined && OVER.has(code)) return 'over'
      const isFinal = code !== undefined && !isRetriable(code)
      if (isFinal || performance.now() - started > this.#patienceMs) {
        throw this.#refused(
          partition,
          code,
          typeof answer === 'string' ? answer : answer.errorMessage,
        )
      }
      await sleep(Math.min(FIRST_PAUSE_MS * 2 ** round, LONGEST_PAUSE_MS))
    }
  }

  /** The partition's answer, or in words why there was none. */
  async #send(
    partition: number,
    batch: Buffer,
    transactionalId: string | undefined,
    askLeader: boolean,
  ): Promise<ProducedPartition | string> {
    const { cluster, topic } = this.#topic
    try {
      const leaders = await cluster.leaders([topic], askLeader ? 0 : 30_000)
      const leader = leaders.get(partitionKey(topic, partition))?.leader ?? -1
      if (leader < 0) return 'the partition has no leader'
      const link = await this.#linkTo(leader)
      const [answer] = await link.produce({
        topics: [{ topic, partitions: [{ partition, batch: [batch] }] }],
        timeoutMs: REQUEST_MS,
        ...(transactionalId !== undefined && { transactionalId }),
      })
      return answer ?? 'the answer did not mention the partition'
    } catch (error) {
      const isPassing = error instanceof FerryError ? error.retriable : error instanceof LinkLost
      if (!isPassing) throw error
      return (error as Error).message
    }
  }

  async #linkTo(nodeId: number): Promise<BrokerLink> {
    const known = await this.#links.get(nodeId)?.catch(() => undefined)
    if (known?.connected) return known
    const opening = this.#topic.cluster.connectBroker(nodeId)
    this.#links.set(nodeId, opening)
    return opening
  }

  #refused(partition: number, code: number | undefined, said: string | undefined): FerryError {
    const { topic, cluster } = this.#topic
    const why = [code === undefined ? undefined : errorName(code), said].filter(Boolean).join(': ')
    return new FerryError(
      diagnostic({
        code: 'FERRY1405',
        detail: `${cluster.name} did not take a write to the state topic ${topic}, partition ${partition} (${why}).`,
        fix:
          code === ErrorCode.TOPIC_AUTHORIZATION_FAILED
            ? `Grant WRITE and READ on topic ${topic} to Ferry's user.`
            : 'Look at the state of the brokers and at the configs of the topic, then run the same command again.',
      }),
      { retriable: code === undefined || isRetriable(code) },
    )
  }
}
