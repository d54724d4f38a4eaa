import { valuesOf } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, parsePartitionKey, type TopicName } from '../domain/ids.ts'
import type { Cluster, LeaderEnd, OffsetAt, TopicDescription } from '../kafka/cluster.ts'
import { ErrorCode, errorName } from '../kafka/error-codes.ts'
import { Coalescer } from './coalescer.ts'
import { Links } from './links.ts'
import { readDenied } from './problems.ts'

/** No offset of a real log passes 2^53; one that does is a broken answer and must not be rounded. */
export const toNumber = (offset: bigint): number => {
  const number = Number(offset)
  if (!Number.isSafeInteger(number)) throw new RangeError(`offset ${offset} is beyond 2^53`)
  return number
}

/** Where a log starts, and its high watermark. */
export interface LogEnds {
  readonly start: number
  readonly end: number
}

/** Leader of one partition. */
export interface LeaderOf {
  readonly leader: number
  readonly leaderEpoch: number
}

/** What a leader has appended, also what is not replicated yet. */
export interface LeaderLogEnd extends LeaderOf {
  readonly end: number
}

type ReadCluster = Pick<
  Cluster,
  'name' | 'listOffsets' | 'leaderEnds' | 'describeTopics' | 'leaders' | 'connectBroker'
>

/** A log that may not be read. A right that was granted just now takes a moment to come to all brokers. */
export class ReadDenied extends FerryError {}

/**
 * Reads logs of one cluster besides the hot path: positions, leaders, single batches. Questions about many partitions that come together
 * are asked together.
 */
export class LogReader {
  readonly #cluster: ReadCluster
  readonly #links: Links
  readonly #starts: Coalescer<PartitionKey, bigint>
  readonly #ends: Coalescer<PartitionKey, bigint>
  readonly #logEnds: Coalescer<PartitionKey, LeaderEnd>
  readonly #topics: Coalescer<TopicName, TopicDescription | 'absent'>
  readonly #leaders: Coalescer<PartitionKey, LeaderOf>

  constructor(cluster: ReadCluster) {
    this.#cluster = cluster
    this.#links = new Links(cluster)
    this.#starts = this.#offsets('earliest')
    this.#ends = this.#offsets('latest')
    this.#logEnds = new Coalescer((keys) => cluster.leaderEnds(keys.map(parsePartitionKey)))
    this.#topics = new Coalescer((names) => cluster.describeTopics(names))
    this.#leaders = new Coalescer((keys) => this.#askLeaders(keys))
  }

  #offsets(at: OffsetAt): Coalescer<PartitionKey, bigint> {
    return new Coalescer((keys) => this.#cluster.listOffsets(keys.map(parsePartitionKey), at))
  }

  /** The start is read first: the end can only grow, so `start <= end` holds unless the log was replaced. */
  async ends(key: PartitionKey): Promise<LogEnds> {
    const start = toNumber(await this.#starts.ask(key))
    return { start, end: toNumber(await this.#ends.ask(key)) }
  }

  async end(key: PartitionKey): Promise<number> {
    return toNumber(await this.#ends.ask(key))
  }

  async logEnd(key: PartitionKey): Promise<LeaderLogEnd> {
    const answer = await this.#logEnds.ask(key)
    return { ...answer, end: toNumber(answer.end) }
  }

  topic(name: TopicName): Promise<TopicDescription | 'absent'> {
    return this.#topics.ask(name)
  }

  /** Asked now, not from memory. */
  leader(key: PartitionKey): Promise<LeaderOf> {
    return this.#leaders.ask(key)
  }

  async #askLeaders(keys: readonly PartitionKey[]) {
    const topics = [...new Set(keys.map((key) => parsePartitionKey(key).topic))]
    const leaders = await this.#cluster.leaders(topics, 0)
    const ok = new Map<PartitionKey, LeaderOf>()
    for (const key of keys) {
      const found = leaders.get(key)
      if (found !== undefined && found.leader >= 0) ok.set(key, found)
    }
    return { ok, failed: new Map() }
  }

  /** The record set at `offset`, uncommitted and at least one whole batch if there is any below the high watermark. Throws {@link ReadDenied}. */
  async read(key: PartitionKey, offset: number, maxBytes: number): Promise<Buffer> {
    const { topic, partition } = parsePartitionKey(key)
    const { leader } = await this.leader(key)
    const link = await this.#links.get(leader, 'read')
    const [answer] = await link.fetch({
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset, maxBytes }] }],
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes,
      isolation: 'read-uncommitted',
    })
    if (answer === undefined) throw new Error(`no answer about ${key}`)
    if (answer.errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED) {
      const { name } = this.#cluster
      throw new ReadDenied(readDenied(key, name, errorName(answer.errorCode)))
    }
    if (answer.errorCode !== 0) {
      throw new Error(`reading ${key} at ${offset}: ${errorName(answer.errorCode)}`)
    }
    return answer.records
  }

  close(): Promise<void> {
    return this.#links.close()
  }
}

/** DeleteRecords, confirmed: an answer alone does not say that the log start is there. */
export const raiseLogStart = async (
  cluster: Pick<Cluster, 'deleteRecords'>,
  reader: Pick<LogReader, 'ends'>,
  key: PartitionKey,
  to: number,
): Promise<LogEnds> => {
  valuesOf(await cluster.deleteRecords(new Map([[key, BigInt(to)]])), { retriable: true })
  const ends = await reader.ends(key)
  if (ends.start < to) {
    throw new Error(`the log start of ${key} is ${ends.start} after deleting records below ${to}`)
  }
  return ends
}
