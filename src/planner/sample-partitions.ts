import {
  type PartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import type { BrokerLink, Cluster, FetchPartitionRequest } from '../kafka/cluster.ts'
import {
  ATTRIBUTES,
  attributes,
  HEADER_BYTES,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  nextBatch,
  recordSet,
} from '../records/index.ts'
import type { PartitionSample } from './observed.ts'

/** A header is all that is looked at, but a batch that does not fit comes only as the first of an answer: 16 KiB is the usual size. */
const SAMPLE_BYTES = 20 * 1024
/** Partitions per request. */
const PER_REQUEST = 500
const ANSWER_BYTES = 8 * 1024 * 1024

interface Wanted {
  readonly key: PartitionKey
  readonly topic: TopicName
  readonly partition: number
  readonly leader: number
  readonly logStart: bigint
  readonly lastStable: bigint
}

/**
 * A look at the oldest and newest batch of each partition that holds records. Best effort: a partition that cannot be read now is
 * left out, since nothing but estimates and the choice between two exact modes depends on it.
 */
export const samplePartitions = async (
  cluster: Cluster,
  read: {
    /** With their leaders: a partition whose leader is another one by now is one that cannot be read. */
    readonly partitions: readonly (TopicPartition & { readonly leader: number })[]
    readonly start: ReadonlyMap<PartitionKey, bigint>
    readonly stable: ReadonlyMap<PartitionKey, bigint>
  },
  signal: AbortSignal,
): Promise<ReadonlyMap<PartitionKey, PartitionSample>> => {
  const samples = new Map<PartitionKey, PartitionSample>()
  const filled = read.partitions.flatMap(({ topic, partition, leader }): readonly Wanted[] => {
    const key = partitionKey(topic, partition)
    const [logStart, lastStable] = [read.start.get(key), read.stable.get(key)]
    const isFilled = logStart !== undefined && lastStable !== undefined && lastStable > logStart
    return isFilled ? [{ key, topic, partition, leader, logStart, lastStable }] : []
  })
  const byLeader = new Map<number, Wanted[]>()
  for (const w of filled) {
    if (w.leader < 0) continue
    const list = byLeader.get(w.leader)
    if (list) list.push(w)
    else byLeader.set(w.leader, [w])
  }
  await Promise.all(
    [...byLeader].map(async ([leader, list]) => {
      const link = await cluster.connectBroker(leader)
      try {
        for (let from = 0; from < list.length && !signal.aborted; from += PER_REQUEST) {
          await sampleSome(link, list.slice(from, from + PER_REQUEST), samples)
        }
      } finally {
        await link.close()
      }
    }),
  )
  return samples
}

const sampleSome = async (
  link: BrokerLink,
  some: readonly Wanted[],
  samples: Map<PartitionKey, PartitionSample>,
): Promise<void> => {
  const heads = await fetchAt(link, some, (w) => Number(w.logStart))
  const tails = await fetchAt(link, some, (w) => Number(w.lastStable) - 1)
  for (const w of some) {
    const tail = tails.get(w)
    const head = heads.get(w)
    if (head === undefined || tail === undefined) continue
    samples.set(w.key, {
      headTimestamp: head.timestamp,
      tail: tail.kind,
      recordBytes: tail.recordBytes,
    })
  }
}

interface BatchLook {
  readonly timestamp: number
  readonly kind: PartitionSample['tail']
  readonly recordBytes: number
}

const fetchAt = async (
  link: BrokerLink,
  some: readonly Wanted[],
  offsetOf: (w: Wanted) => number,
): Promise<ReadonlyMap<Wanted, BatchLook>> => {
  const looks = new Map<Wanted, BatchLook>()
  let left = some
  // A broker fills an answer up to a limit and answers only the first partition past it: what came back empty is asked again, first.
  while (left.length > 0) {
    const topics = new Map<TopicName, Wanted[]>()
    for (const w of left) {
      const list = topics.get(w.topic)
      if (list) list.push(w)
      else topics.set(w.topic, [w])
    }
    const requestOf = (w: Wanted): FetchPartitionRequest => ({
      partition: w.partition,
      fetchOffset: offsetOf(w),
      maxBytes: SAMPLE_BYTES,
    })
    const answers = await link.fetch({
      topics: [...topics].map(([topic, list]) => ({ topic, partitions: list.map(requestOf) })),
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: ANSWER_BYTES,
      isolation: 'read-uncommitted',
    })
    const seen = new Set<Wanted>()
    for (const answer of answers) {
      const asked = topics.get(answer.topic)?.find((w) => w.partition === answer.partition)
      if (!asked || (answer.errorCode === 0 && answer.records.length === 0)) continue
      seen.add(asked)
      const look = answer.errorCode === 0 ? lookAt(answer.records, offsetOf(asked)) : undefined
      if (look) looks.set(asked, look)
    }
    const next = left.filter((w) => !seen.has(w))
    if (next.length === left.length) break
    left = next
  }
  return looks
}

const lookAt = (records: Buffer, offset: number): BatchLook | undefined => {
  const cursor = recordSet(records)
  for (;;) {
    const item = nextBatch(cursor)
    if (item === 'old-format')
      return { timestamp: -1, kind: 'old-format', recordBytes: cursor.length }
    const isCutOff =
      item === 'partial' && cursor.magic === 2 && records.length - cursor.at >= HEADER_BYTES
    if (item !== 'batch' && !isCutOff) return undefined
    if (lastOffset(records, cursor.at) < offset) {
      if (isCutOff) return undefined
      continue
    }
    const transactional =
      (attributes(records, cursor.at) & (ATTRIBUTES.transactional | ATTRIBUTES.control)) !== 0
    return {
      timestamp: Number(maxTimestamp(records, cursor.at)),
      kind: transactional ? 'transactional' : 'plain',
      recordBytes: cursor.length / (lastOffsetDelta(records, cursor.at) + 1),
    }
  }
}
