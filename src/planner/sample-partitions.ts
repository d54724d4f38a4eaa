import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
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
  readonly topic: TopicName
  readonly partition: number
  readonly logStart: bigint
  readonly lastStable: bigint
}

/**
 * A look at the oldest and newest batch of each partition that holds records. Best effort: a partition that cannot be read now is
 * left out, since nothing but estimates and the choice between two exact modes depends on it.
 */
export const samplePartitions = async (
  cluster: Cluster,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<ReadonlyMap<PartitionKey, PartitionSample>> => {
  const samples = new Map<PartitionKey, PartitionSample>()
  const filled = wanted.filter((w) => w.lastStable > w.logStart)
  if (filled.length === 0) return samples
  const leaders = await cluster.leaders([...new Set(filled.map((w) => w.topic))], 0)
  const byLeader = new Map<number, Wanted[]>()
  for (const w of filled) {
    const leader = leaders.get(partitionKey(w.topic, w.partition))?.leader ?? -1
    if (leader < 0) continue
    const list = byLeader.get(leader)
    if (list) list.push(w)
    else byLeader.set(leader, [w])
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
    const key = partitionKey(w.topic, w.partition)
    const tail = tails.get(key)
    const head = heads.get(key)
    if (head === undefined || tail === undefined) continue
    samples.set(key, {
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
): Promise<ReadonlyMap<PartitionKey, BatchLook>> => {
  const looks = new Map<PartitionKey, BatchLook>()
  let left = some
  // A broker fills an answer up to a limit and answers only the first partition past it: what came back empty is asked again, first.
  while (left.length > 0) {
    const topics = new Map<TopicName, FetchPartitionRequest[]>()
    for (const w of left) {
      const request = { partition: w.partition, fetchOffset: offsetOf(w), maxBytes: SAMPLE_BYTES }
      const list = topics.get(w.topic)
      if (list) list.push(request)
      else topics.set(w.topic, [request])
    }
    const answers = await link.fetch({
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: ANSWER_BYTES,
      isolation: 'read-uncommitted',
    })
    const seen = new Set<PartitionKey>()
    for (const answer of answers) {
      const key = partitionKey(answer.topic, answer.partition)
      if (answer.errorCode === 0 && answer.records.length === 0) continue
      seen.add(key)
      const asked = topics.get(answer.topic)?.find((p) => p.partition === answer.partition)
      const look =
        asked && answer.errorCode === 0 ? lookAt(answer.records, asked.fetchOffset) : undefined
      if (look) looks.set(key, look)
    }
    const next = left.filter((w) => !seen.has(partitionKey(w.topic, w.partition)))
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
