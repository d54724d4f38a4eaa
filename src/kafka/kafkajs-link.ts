import type { TopicName } from '../domain/ids.ts'
import {
  type AnswerSpace,
  type BrokerLink,
  type FetchedPartition,
  type FetchRequest,
  type KafkaErrorCode,
  LinkLost,
  type MarkersRequest,
  type ProducedPartition,
  type ProduceRequest,
  type ReplicaStart,
} from './cluster.ts'
import { type BrokerConnection, UnsupportedApi } from './connection.ts'
import { errorName } from './error-codes.ts'
import type { Api } from './wire/api.ts'
import { Decoder } from './wire/decoder.ts'
import { Encoder } from './wire/encoder.ts'
import { fetch, fetchedPartitions, fetchVersion } from './wire/fetch.ts'
import { listOffsets } from './wire/list-offsets.ts'
import { decodeProduced, produce, producePieces } from './wire/produce.ts'
import { writeTxnMarkers } from './wire/write-txn-markers.ts'

const EARLIEST = -2n

/** The mirror's own connection to one broker. It wraps nothing per record and copies no records on the way out. */
export class KafkajsLink implements BrokerLink {
  readonly nodeId: number
  readonly #connection: BrokerConnection
  readonly #requestTimeoutMs: number

  constructor(nodeId: number, connection: BrokerConnection, requestTimeoutMs: number) {
    this.nodeId = nodeId
    this.#connection = connection
    this.#requestTimeoutMs = requestTimeoutMs
  }

  get connected(): boolean {
    return this.#connection.connected
  }

  async produce(request: ProduceRequest): Promise<readonly ProducedPartition[]> {
    const version = this.#connection.negotiate(produce)
    if (version === undefined) throw this.#unsupported(produce)
    const timeoutMs = request.timeoutMs + this.#requestTimeoutMs
    const pieces = producePieces(request)
    const payload = await this.#connection.send(produce, version, pieces, timeoutMs)
    return this.#read(() => decodeProduced(new Decoder(payload, false, 4), version))
  }

  async fetch(request: FetchRequest, space?: AnswerSpace): Promise<readonly FetchedPartition[]> {
    const highest = this.#connection.negotiate(fetch)
    if (highest === undefined) throw this.#unsupported(fetch)
    const version = fetchVersion(request, highest)
    const isFlexible = version >= fetch.flexibleFrom
    const to = new Encoder(isFlexible)
    to.tags()
    fetch.encode(to, request, version)
    const timeoutMs = request.maxWaitMs + this.#requestTimeoutMs
    const payload = await this.#connection.send(fetch, version, [to.finish()], timeoutMs, space)
    const answer = this.#read(() => {
      const from = new Decoder(payload, isFlexible, 4)
      from.tags()
      return fetch.decode(from, version)
    })
    if (answer.code !== 0) throw this.#lost(`Fetch answered ${errorName(answer.code)}`)
    return fetchedPartitions(request, answer.topics)
  }

  async writeMarkers(request: MarkersRequest): Promise<KafkaErrorCode> {
    const answers = await this.#connection.call(writeTxnMarkers, request, this.#requestTimeoutMs)
    if (answers.length === 0) throw this.#lost('WriteTxnMarkers answered about no partition')
    return answers.find(({ code }) => code !== 0)?.code ?? 0
  }

  async logStarts(
    partitions: ReadonlyMap<TopicName, readonly number[]>,
  ): Promise<readonly ReplicaStart[]> {
    const topics = new Map(
      [...partitions].map(([topic, of]) => [
        topic,
        of.map((partition) => ({ partition, leaderEpoch: -1 })),
      ]),
    )
    const request = { readCommitted: false, ofAnyReplica: true, timestamp: EARLIEST, topics }
    const answers = await this.#connection.call(listOffsets, request, this.#requestTimeoutMs)
    return answers.map(({ topic, partition, code, offset }) => ({
      topic: topic as TopicName,
      partition,
      errorCode: code,
      logStart: Number(offset),
    }))
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  /** An answer that cannot be read is no better than none: the connection ends. */
  #read<T>(decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      throw this.#lost(`the answer could not be read: ${(error as Error).message}`, error)
    }
  }

  #lost(reason: string, cause?: unknown): LinkLost {
    this.#connection.close(reason)
    return new LinkLost(`${this.#connection.address}: ${reason}`, { cause })
  }

  #unsupported(api: Pick<Api<unknown, unknown>, 'name' | 'key' | 'versions'>): UnsupportedApi {
    const theirs = this.#connection.versions.get(api.key)
    return new UnsupportedApi(api.name, api.versions, theirs)
  }
}
