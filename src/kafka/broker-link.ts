/**
 * The mirror's hot path to one broker: raw bytes, error codes as numbers, nothing wrapped per partition but what the broker sent. Part of
 * the port; imported from `cluster.ts`.
 */
import type { TopicName } from '../domain/ids.ts'

/** Kafka's error codes that code branches on; 0 is none. The full list with names is in `error-codes.ts`. */
export type KafkaErrorCode = number

export interface FetchPartitionRequest {
  readonly partition: number
  readonly fetchOffset: number
  readonly maxBytes: number
}
export interface FetchRequest {
  readonly topics: readonly {
    readonly topic: TopicName
    /**
     * Nothing but the topic with this id is read, where the broker knows Fetch v13 (3.1) and every topic of the request has one: a topic of
     * the same name that was created since answers UNKNOWN_TOPIC_ID.
     */
    readonly topicId?: string
    readonly partitions: readonly FetchPartitionRequest[]
  }[]
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly isolation: 'read-committed' | 'read-uncommitted'
}
export interface FetchedPartition {
  readonly topic: TopicName
  readonly partition: number
  readonly errorCode: KafkaErrorCode
  readonly highWatermark: number
  readonly lastStableOffset: number
  /** -1 where the broker does not say (Fetch before v5). */
  readonly logStartOffset: number
  /** Null where there are none. */
  readonly abortedTransactions:
    | readonly { readonly producerId: bigint; readonly firstOffset: number }[]
    | null
  /** A view into the response, valid as long as it is referenced: no copy was made. The last batch may be cut off. */
  readonly records: Buffer
}

export interface ProduceRequest {
  /** Of batches that are part of a transaction. */
  readonly transactionalId?: string
  readonly topics: readonly {
    readonly topic: TopicName
    /** Exactly one batch per partition, in one or more pieces that are written without being copied. */
    readonly partitions: readonly {
      readonly partition: number
      readonly batch: readonly Buffer[]
    }[]
  }[]
  readonly timeoutMs: number
}
export interface ProducedPartition {
  readonly topic: TopicName
  readonly partition: number
  readonly errorCode: KafkaErrorCode
  readonly errorMessage?: string
  readonly baseOffset: number
  readonly logStartOffset: number
}

/** A buffer of at least `bytes` for an answer of that size. Asked once, when the size is known, and not at all if all of it is there then. */
export type AnswerSpace = (bytes: number) => Buffer

/** Control markers for one partition, as a transaction coordinator writes them: each takes one offset, and no consumer sees it. */
export interface MarkersRequest {
  readonly topic: TopicName
  readonly partition: number
  readonly count: number
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The broker refuses one that is lower than it has seen of this producer (52). */
  readonly coordinatorEpoch: number
}

/** Where the log of one replica begins, by the word of the broker that has it. */
export interface ReplicaStart {
  readonly topic: TopicName
  readonly partition: number
  readonly errorCode: KafkaErrorCode
  /** Meaningless where there is an error code. */
  readonly logStart: number
}

export interface BrokerLink {
  readonly nodeId: number
  readonly connected: boolean
  /** Acks all. Rejects with {@link LinkLost} when the answer is lost: whether it was appended is then unknown. */
  produce(request: ProduceRequest): Promise<readonly ProducedPartition[]>
  /** The records are views into the answer, which is read into what `space` gives. */
  fetch(request: FetchRequest, space?: AnswerSpace): Promise<readonly FetchedPartition[]>
  /** Rejects with {@link LinkLost} when the answer is lost. Not idempotent: a request that is sent again writes again. */
  writeMarkers(request: MarkersRequest): Promise<KafkaErrorCode>
  /**
   * Where the logs of this broker's own replicas begin, whether or not it leads them. Rejects with {@link LinkLost} when the answer is lost: as long
   * as it does not, one and the same process of the broker has answered since the connection was made.
   */
  logStarts(partitions: ReadonlyMap<TopicName, readonly number[]>): Promise<readonly ReplicaStart[]>
  close(): Promise<void>
}

/** The connection ended, or an answer did not come in time: what happened at the broker is unknown. */
export class LinkLost extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'LinkLost'
  }
}
