import { setTimeout } from 'node:timers/promises'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type PartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import type { BrokerLink, Cluster, FetchPartitionRequest } from '../kafka/cluster.ts'
import { ErrorCode, errorName } from '../kafka/error-codes.ts'
import {
  ATTRIBUTES,
  attributes,
  baseTimestamp,
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
  leader: number
  logStart: bigint
  readonly lastStable: bigint
  /** Undefined: not answered yet. */
  head?: BatchLook | 'nothing'
  tail?: BatchLook | 'nothing'
  /** Why there is no answer yet. */
  why: string
  /** The log starts somewhere else by now. */
  isTrimmed: boolean
}

export interface Sampled {
  /** Of each partition that holds records, but for those that may not be read. */
  readonly samples: ReadonlyMap<PartitionKey, PartitionSample>
  /** Why others could not be looked at. */
  readonly problems: readonly Diagnostic[]
}

/** How long what was not answered is asked again. */
export interface Patience {
  readonly retryMs: number
  now(): number
  /** Rejects when the signal is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>
}

const PATIENCE: Patience = {
  retryMs: 15_000,
  now: () => performance.now(),
  pause: async (ms, signal) => void (await setTimeout(ms, undefined, { signal })),
}
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

/**
 * A look at the oldest and newest batch of each partition that holds records. What a plan protects the copy by follows from it, and the same
 * clusters must give the same plan: so what is not answered is asked again, and a problem in the end.
 */
export const samplePartitions = async (
  cluster: Pick<Cluster, 'name' | 'connectBroker' | 'leaders' | 'listOffsets'>,
  read: {
    /** With their leaders, as far as they are known. */
    readonly partitions: readonly (TopicPartition & { readonly leader: number })[]
    readonly start: ReadonlyMap<PartitionKey, bigint>
    readonly stable: ReadonlyMap<PartitionKey, bigint>
  },
  signal: AbortSignal,
  patience: Patience = PATIENCE,
): Promise<Sampled> => {
  const wanted = read.partitions.flatMap(({ topic, partition, leader }): readonly Wanted[] => {
    const key = partitionKey(topic, partition)
    const [logStart, lastStable] = [read.start.get(key), read.stable.get(key)]
    const isFilled = logStart !== undefined && lastStable !== undefined && lastStable > logStart
    const why = 'no leader'
    return isFilled
      ? [{ key, topic, partition, leader, logStart, lastStable, why, isTrimmed: false }]
      : []
  })
  const started = patience.now()
  let left = wanted
  for (let round = 0; left.length > 0; round++) {
    if (round > 0) {
      await patience.pause(Math.min(FIRST_PAUSE_MS * 2 ** round, LONGEST_PAUSE_MS), signal)
      await lookUp(cluster, left)
    }
    await Promise.all(
      [...grouped(left, ({ leader }) => leader)].map(([leader, list]) =>
        leader < 0 ? undefined : sampleLeader(cluster, leader, list, signal),
      ),
    )
    signal.throwIfAborted()
    left = left.filter(({ head, tail }) => head === undefined || tail === undefined)
    if (patience.now() - started >= patience.retryMs) break
  }
  return {
    samples: new Map(wanted.flatMap((w) => sampleOf(w))),
    problems: left.map((w) => unanswered(w, cluster.name, patience.now() - started)),
  }
}

const sampleOf = ({
  key,
  head,
  tail,
}: Wanted): readonly (readonly [PartitionKey, PartitionSample])[] => {
  if (head === undefined || head === 'nothing' || tail === undefined) return []
  // A cleaner may have removed all that was at the end.
  const { kind, recordBytes } = tail === 'nothing' ? head : tail
  return [
    [
      key,
      {
        firstTimestamp: head.first,
        headTimestamp: head.timestamp,
        tail: kind,
        recordBytes,
      },
    ],
  ]
}

const unanswered = ({ key, why }: Wanted, cluster: string, ms: number): Diagnostic =>
  diagnostic({
    code: 'FERRY1210',
    detail: `The oldest and newest records of ${key} on ${cluster} could not be looked at: ${why}. It was tried again for ${(ms / 1000).toFixed(1)} s.`,
    fix: 'Look at the brokers of the cluster, then plan again.',
  })

const grouped = <K, T>(all: readonly T[], of: (one: T) => K): ReadonlyMap<K, T[]> => {
  const groups = new Map<K, T[]>()
  for (const each of all) {
    const list = groups.get(of(each))
    if (list) list.push(each)
    else groups.set(of(each), [each])
  }
  return groups
}

/** Who leads now, and where logs start whose beginning went since. */
const lookUp = async (
  cluster: Pick<Cluster, 'leaders' | 'listOffsets'>,
  left: readonly Wanted[],
): Promise<void> => {
  const topics = [...new Set(left.map(({ topic }) => topic))]
  const trimmed = left.filter(({ isTrimmed }) => isTrimmed)
  const [leaders, starts] = await Promise.all([
    cluster.leaders(topics, 0),
    trimmed.length > 0 ? cluster.listOffsets(trimmed, 'earliest') : undefined,
  ])
  for (const w of left) w.leader = leaders.get(w.key)?.leader ?? -1
  for (const w of trimmed) {
    const start = starts?.ok.get(w.key)
    if (start === undefined) continue
    w.isTrimmed = false
    w.logStart = start
    // All of it is gone.
    if (start >= w.lastStable) w.head = w.tail = 'nothing'
  }
}

const sampleLeader = async (
  cluster: Pick<Cluster, 'connectBroker'>,
  leader: number,
  list: readonly Wanted[],
  signal: AbortSignal,
): Promise<void> => {
  let link: BrokerLink | undefined
  try {
    link = await cluster.connectBroker(leader)
    for (let from = 0; from < list.length && !signal.aborted; from += PER_REQUEST) {
      const some = list.slice(from, from + PER_REQUEST)
      await fetchAt(link, some, 'head')
      await fetchAt(link, some, 'tail')
    }
  } catch (error) {
    for (const w of list) w.why = error instanceof Error ? error.message : String(error)
  } finally {
    await link?.close().catch(() => {})
  }
}

interface BatchLook {
  readonly first: number
  readonly timestamp: number
  readonly kind: PartitionSample['tail']
  readonly recordBytes: number
}

/**
 * A broker fills an answer up to a limit, and answers only the first partition past it: what came back empty is asked again, first, and in
 * the end alone, which tells what is empty from what had no room.
 */
const fetchAt = async (
  link: BrokerLink,
  some: readonly Wanted[],
  end: 'head' | 'tail',
): Promise<void> => {
  let left = some.filter((w) => w[end] === undefined)
  while (left.length > 0) {
    const { looked, empty } = await fetchOnce(link, left, end)
    if (looked.size === 0) {
      for (const w of empty) if (left.length > 1) await fetchOnce(link, [w], end)
      return
    }
    left = left.filter((w) => !looked.has(w))
  }
}

const fetchOnce = async (
  link: BrokerLink,
  asked: readonly Wanted[],
  end: 'head' | 'tail',
): Promise<{ readonly looked: ReadonlySet<Wanted>; readonly empty: readonly Wanted[] }> => {
  const offsetOf = (w: Wanted) => Number(end === 'head' ? w.logStart : w.lastStable - 1n)
  const requestOf = (w: Wanted): FetchPartitionRequest => ({
    partition: w.partition,
    fetchOffset: offsetOf(w),
    maxBytes: SAMPLE_BYTES,
  })
  const topics = grouped(asked, ({ topic }) => topic)
  for (const w of asked) w.why = 'the broker left it out of its answer'
  const answers = await link.fetch({
    topics: [...topics].map(([topic, list]) => ({ topic, partitions: list.map(requestOf) })),
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: ANSWER_BYTES,
    isolation: 'read-uncommitted',
  })
  const looked = new Set<Wanted>()
  const empty: Wanted[] = []
  for (const { topic, partition, errorCode, records, highWatermark } of answers) {
    const w = topics.get(topic)?.find((each) => each.partition === partition)
    if (w === undefined) continue
    if (errorCode !== 0) {
      looked.add(w)
      w.why = errorName(errorCode)
      w.isTrimmed = errorCode === ErrorCode.OFFSET_OUT_OF_RANGE
      // That a right is missing is said elsewhere.
      if (errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED) w.head = w.tail = 'nothing'
      continue
    }
    const look = lookAt(records, offsetOf(w))
    if (look !== undefined) {
      looked.add(w)
      w[end] = look
    } else if (highWatermark <= offsetOf(w)) {
      looked.add(w)
      w.why = `its high watermark is ${highWatermark}`
    } else {
      empty.push(w)
      if (asked.length === 1) w[end] = 'nothing'
    }
  }
  return { looked, empty }
}

/** The records have the time of the append, or the field holds a time of the cleaner. */
const NO_BASE_TIME = ATTRIBUTES.logAppendTime | ATTRIBUTES.deleteHorizon

/** Producers write the first record's time there, which need not be the smallest, and is not later than the largest. */
const firstOf = (records: Buffer, at: number, largest: number): number => {
  const base = Number(baseTimestamp(records, at))
  return base >= 0 && base <= largest ? base : largest
}

const lookAt = (records: Buffer, offset: number): BatchLook | undefined => {
  const cursor = recordSet(records)
  for (;;) {
    const item = nextBatch(cursor)
    if (item === 'old-format')
      return { first: -1, timestamp: -1, kind: 'old-format', recordBytes: cursor.length }
    const isCutOff =
      item === 'partial' && cursor.magic === 2 && records.length - cursor.at >= HEADER_BYTES
    if (item !== 'batch' && !isCutOff) return undefined
    if (lastOffset(records, cursor.at) < offset) {
      if (isCutOff) return undefined
      continue
    }
    const bits = attributes(records, cursor.at)
    const transactional = (bits & (ATTRIBUTES.transactional | ATTRIBUTES.control)) !== 0
    const timestamp = Number(maxTimestamp(records, cursor.at))
    return {
      first: (bits & NO_BASE_TIME) === 0 ? firstOf(records, cursor.at, timestamp) : timestamp,
      timestamp,
      kind: transactional ? 'transactional' : 'plain',
      recordBytes: cursor.length / (lastOffsetDelta(records, cursor.at) + 1),
    }
  }
}
