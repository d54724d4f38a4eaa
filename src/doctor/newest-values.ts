import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { BrokerLink, Cluster } from '../kafka/cluster.ts'
import { errorName } from '../kafka/error-codes.ts'
import type { ObservedTopic } from '../planner/observed.ts'
import {
  ATTRIBUTES,
  attributes,
  codecsReady,
  MalformedBatch,
  nextBatch,
  OffsetTooLarge,
  parseRecord,
  RecordTable,
  recordSet,
} from '../records/index.ts'

/** Partitions of each topic, and records of each partition, that are looked at. */
const PARTITIONS = 3
const RECORDS = 20
const SAMPLE_BYTES = 64 * 1024
const PER_REQUEST = 100

interface Wanted {
  readonly topic: TopicName
  readonly partition: number
  readonly from: number
}

/** Values that are not null, or why there was no look. */
type Look = readonly Buffer[] | { readonly why: string }

/** What the newest records of a topic hold. */
export interface NewestValues {
  readonly values: readonly Buffer[]
  /** Partitions that were looked at, or should have been; 0: the topic holds no records. */
  readonly partitions: number
  /** Why others could not be, each with its partition. */
  readonly notLooked: readonly string[]
}

/** A few of the newest values of each topic, in every format. Asks each leader, not each partition. */
export const newestValues = async (
  cluster: Pick<Cluster, 'leaders' | 'connectBroker'>,
  topics: readonly ObservedTopic[],
  signal: AbortSignal,
): Promise<ReadonlyMap<TopicName, NewestValues>> => {
  await codecsReady()
  const perTopic = topics.map((topic) => [topic.description.name, wantedOf(topic)] as const)
  const wanted = perTopic.flatMap(([, some]) => some)
  const looks = new Map<PartitionKey, Look>()
  const leaders = await cluster.leaders([...new Set(wanted.map(({ topic }) => topic))], 30_000)
  const byLeader = new Map<number, Wanted[]>()
  for (const each of wanted) {
    const key = partitionKey(each.topic, each.partition)
    const leader = leaders.get(key)?.leader ?? -1
    const list = byLeader.get(leader)
    if (leader < 0) looks.set(key, { why: 'it has no leader' })
    else if (list !== undefined) list.push(each)
    else byLeader.set(leader, [each])
  }
  await Promise.all(
    [...byLeader].map(([leader, list]) => lookThrough(cluster, leader, list, looks, signal)),
  )
  return new Map(perTopic.map(([name, asked]) => [name, summedUp(asked, looks)]))
}

const summedUp = (
  asked: readonly Wanted[],
  looks: ReadonlyMap<PartitionKey, Look>,
): NewestValues => {
  const found = asked.map(({ topic, partition }) => {
    const key = partitionKey(topic, partition)
    return { key, look: looks.get(key) ?? { why: 'the broker left it out of its answer' } }
  })
  return {
    values: found.flatMap(({ look }) => ('why' in look ? [] : look)),
    partitions: asked.length,
    notLooked: found.flatMap(({ key, look }) => ('why' in look ? [`${key} (${look.why})`] : [])),
  }
}

const wantedOf = ({ description: { name }, partitions }: ObservedTopic): readonly Wanted[] =>
  partitions
    .filter(({ logStart, lastStable }) => lastStable > logStart)
    .slice(0, PARTITIONS)
    .map(({ partition, logStart, lastStable }) => ({
      topic: name,
      partition,
      from: Math.max(Number(logStart), Number(lastStable) - RECORDS),
    }))

const lookThrough = async (
  cluster: Pick<Cluster, 'connectBroker'>,
  leader: number,
  list: readonly Wanted[],
  looks: Map<PartitionKey, Look>,
  signal: AbortSignal,
): Promise<void> => {
  let link: BrokerLink | undefined
  try {
    link = await cluster.connectBroker(leader)
    for (let at = 0; at < list.length && !signal.aborted; at += PER_REQUEST) {
      const some = list.slice(at, at + PER_REQUEST)
      await lookAt(link, some, looks)
      // One large batch takes the room of all behind it; alone each has enough.
      for (const each of some.filter((one) => isEmpty(looks, one)))
        await lookAt(link, [each], looks)
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    for (const { topic, partition } of list) {
      const key = partitionKey(topic, partition)
      if (!looks.has(key)) looks.set(key, { why })
    }
  } finally {
    await link?.close().catch(() => {})
  }
}

const isEmpty = (looks: ReadonlyMap<PartitionKey, Look>, { topic, partition }: Wanted): boolean => {
  const look = looks.get(partitionKey(topic, partition))
  return look !== undefined && !('why' in look) && look.length === 0
}

const lookAt = async (
  link: BrokerLink,
  asked: readonly Wanted[],
  looks: Map<PartitionKey, Look>,
): Promise<void> => {
  const answers = await link.fetch({
    topics: asked.map(({ topic, partition, from }) => ({
      topic,
      partitions: [{ partition, fetchOffset: from, maxBytes: SAMPLE_BYTES }],
    })),
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: SAMPLE_BYTES * asked.length,
    isolation: 'read-committed',
  })
  for (const { topic, partition, errorCode, records } of answers) {
    const from = asked.find((each) => each.topic === topic && each.partition === partition)?.from
    if (from === undefined) continue
    const look = errorCode === 0 ? valuesIn(records, from) : { why: errorName(errorCode) }
    looks.set(partitionKey(topic, partition), look)
  }
}

const valuesIn = (records: Buffer, from: number): Look => {
  const values: Buffer[] = []
  const table = new RecordTable()
  const cursor = recordSet(records)
  try {
    while (values.length < RECORDS) {
      const item = nextBatch(cursor)
      if (item === 'end' || item === 'partial') break
      if (item !== 'batch' && item !== 'old-format') return { why: `its records are ${item}` }
      if (item === 'batch' && attributes(records, cursor.at) & ATTRIBUTES.control) continue
      table.clear()
      table.load(records, cursor.at, from)
      for (let row = 0; row < table.count; row++) {
        const { value } = parseRecord({
          bytes: table.bytes,
          contentStart: table.starts[row]!,
          contentEnd: table.ends[row]!,
        })
        // The table is used again.
        if (value !== null) values.push(Buffer.from(value))
      }
    }
  } catch (error) {
    if (!(error instanceof MalformedBatch || error instanceof OffsetTooLarge)) throw error
    return { why: error.message }
  }
  return values
}
