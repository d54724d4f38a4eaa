import type { ClusterId, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import {
  type BrokerLink,
  LinkLost,
  type MarkersRequest,
  type ProducedPartition,
  type ProduceRequest,
} from '../../src/kafka/cluster.ts'
import { AnswerMemory, Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import type { Position, Trouble } from '../../src/mirror/flow.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { Sender, type SenderOptions } from '../../src/mirror/sender.ts'
import { Throttle } from '../../src/mirror/throttle.ts'
import { encodeBatch } from '../../src/records/index.ts'

export interface ProducerId {
  readonly id: bigint
  readonly sequence: number
}

/** A connection that answers when the test says so. Says nothing about what a broker does. */
export class FakeLink implements BrokerLink {
  readonly nodeId = 1
  connected = true
  readonly open: {
    readonly batch: Buffer
    readonly resolve: (answer: readonly ProducedPartition[]) => void
    readonly reject: (error: Error) => void
  }[] = []

  produce(request: ProduceRequest): Promise<readonly ProducedPartition[]> {
    if (!this.connected) return Promise.reject(new LinkLost('closed'))
    return new Promise((resolve, reject) => {
      this.open.push({ batch: request.topics[0]!.partitions[0]!.batch[0]!, resolve, reject })
    })
  }

  /** Answers the oldest request. */
  answer(answer: Partial<ProducedPartition>): void {
    const topic = 't' as TopicName
    const whole = { topic, partition: 0, errorCode: 0, baseOffset: 0, logStartOffset: 0, ...answer }
    this.open.shift()!.resolve([whole])
  }

  fetch(): Promise<never> {
    throw new Error('not asked for')
  }

  writeMarkers(_request: MarkersRequest): Promise<number> {
    throw new Error('not asked for')
  }

  logStarts(): Promise<never> {
    throw new Error('not asked for')
  }

  async close(): Promise<void> {
    this.connected = false
    for (const { reject } of this.open.splice(0)) reject(new LinkLost('closed'))
  }
}

export const fakeSenderOptions = (): SenderOptions => ({
  maySend: () => true,
  throttle: new Throttle(undefined, 0),
  pool: new BufferPool(32 * 1024 * 1024),
  requestTimeoutMs: 60_000,
  freshMs: () => 3_600_000,
  counters: {
    requests: 0,
    batchesPassedThrough: 0,
    batchesMerged: 0,
    sourceBatchesMerged: 0,
    markersWritten: 0,
  },
  drained: () => {},
  targetEnd: () => Promise.reject(new Error('not asked for')),
  logStart: () => {},
})

/** A sender over a link, and a dense partition whose log begins `rank` records after its mark. */
export const newSender = (
  link: BrokerLink,
  over: Partial<SenderOptions> = {},
  rank = 0,
  partition = 0,
) => {
  const sender = new Sender(link, { ...fakeSenderOptions(), ...over })
  const p = new MirroredPartition('m', {
    topic: 't' as TopicName,
    partition,
    sourceCluster: 's' as ClusterId,
    targetCluster: 't' as ClusterId,
    sourceStart: -BigInt(rank) as SourceOffset,
    targetStart: -BigInt(rank) as TargetOffset,
    mode: 'dense',
    producerId: 7n,
    producerEpoch: 0,
    fillerProducerId: -1n,
    at: '',
  })
  return { sender, p, ended: (flow: { readonly ended: Promise<Trouble> }) => flow.ended }
}

/** What a check found where nothing is in doubt. */
export const fakePosition = (at: number): Position => ({
  targetEnd: at,
  sourceNext: at,
  sourceEnd: at + 10,
  maxBytes: 1_000_000,
  tailIsFresh: true,
})

/** Fills the partition's queue with batches of one record, as one Fetch answer would. */
export const fakePartition = (
  p: MirroredPartition,
  options: {
    readonly timestamp: number
    readonly batches: number
    readonly bytes: number
    readonly tailIsFresh: boolean
  },
) => {
  const ended = p.flow({
    targetEnd: 0,
    sourceNext: 0,
    sourceEnd: options.batches,
    maxBytes: 1_000_000,
    tailIsFresh: options.tailIsFresh,
  })
  const record = { timestamp: options.timestamp, key: null, value: Buffer.alloc(options.bytes) }
  const batches = Array.from({ length: options.batches }, (_, i) =>
    encodeBatch({ records: [record], baseOffset: i }),
  )
  const budget = new Budget(1 << 30)
  const buffers = new BufferPool(1 << 30)
  const memory = new AnswerMemory(budget, buffers, 0)
  const records = Buffer.concat(batches)
  const frame = memory.space(records.length)
  records.copy(frame)
  p.receive(frame.subarray(0, records.length), null, memory)
  memory.release()
  return { ended, budget, buffers, frame }
}

/** Lets everything run that is ready. */
export const turn = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}
