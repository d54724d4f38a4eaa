import { failureOf } from '../domain/answers.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { Cluster, TopicDescription } from '../kafka/cluster.ts'
import { MalformedBatch } from '../records/errors.ts'
import { forEachRecord, parseRecord } from '../records/read-records.ts'
import { LogReader, nextBatchOf } from '../verify/log-reader.ts'
import type { LogStream } from '../verify/log-stream.ts'
import { damaged } from './records.ts'
import { StateTable } from './state-table.ts'

/**
 * Decisions, journal and locks are on partition 0, written in transactions; progress is on partition 1, written without, but where both
 * are replaced: so nobody who reads progress waits for an apply that writes, and whoever reads decisions need not read the progress.
 */
export const DECISIONS = 0
export const PROGRESS = 1
const PARTITIONS = 2

/** Room for a batch's header and the keys beside the text. */
const OVERHEAD_BYTES = 8 * 1024
const LARGEST_TEXT_BYTES = 512 * 1024
const WINDOW_BYTES = 4 * 1024 * 1024
/** Only closed segments are compacted: small ones keep short what a reader must read. */
const SEGMENT_BYTES = 16 * 1024 * 1024

/** The state topic as this process knows it. */
export interface OpenTopic {
  readonly topicId: string | undefined
  /** How much text one record may hold. */
  readonly textBytes: number
}

interface Following {
  table: StateTable
  position: number
}

export interface StateTopicOptions {
  readonly cluster: Cluster
  readonly topic: TopicName
  /** How long a partition may stand still while there is more to read: at least until an open transaction is aborted. */
  readonly patienceMs: number
}

/**
 * Reads the state topic: once to its end, then what was added. Everything that does not fit what was read before is an error, since a
 * state that went back or was cut off must never look like one that was not yet written.
 */
export class StateTopic {
  readonly cluster: Cluster
  readonly topic: TopicName
  readonly #patienceMs: number
  readonly #following = new Map<number, Following>()
  /** How far each partition was once seen to go; a log does not get shorter. */
  readonly #reached = new Map<number, number>()
  readonly #closing = new AbortController()
  #reader: LogReader | undefined
  #open: OpenTopic | undefined

  constructor({ cluster, topic, patienceMs }: StateTopicOptions) {
    this.cluster = cluster
    this.topic = topic
    this.#patienceMs = patienceMs
  }

  /** What the partition holds now. Empty where the topic was never made. */
  async read(partition: number): Promise<StateTable> {
    const open = await this.#look()
    const following = this.#following.get(partition) ?? { table: new StateTable(), position: 0 }
    if (open === undefined) return following.table
    this.#following.set(partition, following)
    try {
      await this.#follow(partition, following)
    } catch (error) {
      // The table may hold half of what was read: the next reader starts over.
      this.#following.delete(partition)
      throw error
    }
    return following.table
  }

  /** The topic, made if it is not there. */
  async open(): Promise<OpenTopic> {
    const there = await this.#look()
    if (there !== undefined) return there
    const created = await this.cluster.createTopics([
      {
        name: this.topic,
        partitions: PARTITIONS,
        replicationFactor: -1,
        configs: new Map([
          ['cleanup.policy', 'compact'],
          ['segment.bytes', String(SEGMENT_BYTES)],
          ['unclean.leader.election.enable', 'false'],
          ...(await this.#minInsync()),
        ]),
      },
    ])
    const open = await this.#look()
    // Another process may have made it at the same moment: what counts is that it is there.
    if (open === undefined)
      throw created.failed.size > 0 ? failureOf(created) : new FerryError(this.#gone())
    return open
  }

  /** A name for people: `__ferry_state/0 at offset 17`. */
  where(partition: number, offset: number): string {
    return `${this.topic}/${partition} at offset ${offset}`
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#reader?.close()
  }

  /** Undefined: it is not there and never was, as far as this process knows. */
  async #look(): Promise<OpenTopic | undefined> {
    const answer = await this.cluster.describeTopics([this.topic])
    const found = answer.ok.get(this.topic)
    if (found === undefined) throw failureOf(answer)
    if (found === 'absent') {
      if (this.#open !== undefined) throw new FerryError(this.#gone())
      return undefined
    }
    if (this.#open !== undefined) {
      if (this.#open.topicId !== found.topicId) throw new FerryError(this.#gone())
      return this.#open
    }
    this.#open = await this.#check(found)
    return this.#open
  }

  async #check(found: TopicDescription): Promise<OpenTopic> {
    const { partitions, topicId } = found
    if (partitions.length < PARTITIONS) {
      throw this.#unfit(
        `has ${partitions.length} partition; Ferry keeps decisions on the first and progress on the second`,
        `Add one: kafka-topics.sh --alter --topic ${this.topic} --partitions ${PARTITIONS}.`,
      )
    }
    const answer = await this.cluster.describeTopicConfigs([this.topic])
    const configs = answer.ok.get(this.topic)
    if (configs === undefined) throw failureOf(answer)
    const policy = configs.get('cleanup.policy')?.value
    if (policy !== 'compact') {
      throw this.#unfit(
        `has cleanup.policy=${policy}, so that the broker deletes state when it is old`,
        `Set cleanup.policy=compact on ${this.topic}, then see with ferry state list that nothing is missing yet.`,
      )
    }
    const most = Number(configs.get('max.message.bytes')?.value)
    if (!(most >= 4 * OVERHEAD_BYTES)) {
      throw this.#unfit(
        `takes batches of ${most} bytes at most`,
        `Set max.message.bytes of ${this.topic} to ${4 * OVERHEAD_BYTES} or more.`,
      )
    }
    return { topicId, textBytes: Math.min(LARGEST_TEXT_BYTES, most - OVERHEAD_BYTES) }
  }

  /** Two where the target makes three replicas; else what the target does by itself. */
  async #minInsync(): Promise<readonly [string, string][]> {
    const { controllerId, brokers } = await this.cluster.describeCluster()
    const node = brokers.find(({ nodeId }) => nodeId === controllerId) ?? brokers[0]
    const configs = await this.cluster
      .describeBrokerConfigs(node?.nodeId ?? controllerId)
      .catch((error: unknown) => {
        // Needs a right that nothing else here does: the target's own default is then left alone.
        if (error instanceof FerryError) return new Map<string, { readonly value: string | null }>()
        throw error
      })
    const replicas = Number(configs.get('default.replication.factor')?.value)
    return replicas >= 3 ? [['min.insync.replicas', '2']] : []
  }

  async #follow(partition: number, following: Following): Promise<void> {
    const start = await this.#offset(partition, 'earliest')
    if (start !== 0) {
      throw this.#unfit(
        `begins at offset ${start}: records of partition ${partition} were deleted, by retention or by hand, and with them perhaps decisions`,
        'Restore the state from a backup (ferry state push), on a new topic.',
      )
    }
    const end = await this.#offset(partition, 'latest')
    const reached = this.#reached.get(partition) ?? 0
    if (end < reached) {
      throw this.#unfit(
        `ends at offset ${end}, but partition ${partition} was read up to ${reached} before: what was written since is lost`,
        'See whether a broker lost its disk or an unclean leader was elected; restore the state from a backup (ferry state push).',
      )
    }
    if (end === following.position) return
    const range = { topic: this.topic, partition, from: following.position, to: end }
    this.#reader ??= new LogReader(
      this.cluster,
      { patienceMs: this.#patienceMs },
      this.#closing.signal,
    )
    const stream = this.#reader.read(range, WINDOW_BYTES)
    try {
      await this.#fill(stream, following.table)
    } finally {
      stream.close()
    }
    following.position = end
    this.#reached.set(partition, end)
  }

  async #fill(stream: LogStream, table: StateTable): Promise<void> {
    const { partition, from, to } = stream.range
    while ((await nextBatchOf(stream)) === 'batch') {
      try {
        forEachRecord(stream.batch, stream.at, (record) => {
          if (record.offset < from || record.offset >= to) return
          const { key, value, headers } = parseRecord(record)
          const header = headers.find((each) => each.key.toString() === 'ferry')?.value
          table.apply(
            { key, value, header: header?.toString() ?? '' },
            this.where(partition, record.offset),
          )
        })
      } catch (error) {
        if (!(error instanceof MalformedBatch)) throw error
        throw damaged(this.where(partition, stream.base), error.message, error)
      }
    }
    const stop = stream.stopped
    if (stop?.kind === 'end') return
    const detail =
      stop?.kind === 'failed' ? stop.detail : `its log start passed ${stop?.offset} meanwhile`
    throw new FerryError(
      diagnostic({
        code: 'FERRY1405',
        detail: `${this.topic}/${partition} on ${this.cluster.name} could not be read to its end (${to}): ${detail}.`,
        fix: 'Look at the state of the brokers, then run the same command again.',
      }),
      { retriable: true },
    )
  }

  async #offset(partition: number, at: 'earliest' | 'latest'): Promise<number> {
    const answer = await this.cluster.listOffsets([{ topic: this.topic, partition }], at)
    const offset = answer.ok.get(partitionKey(this.topic, partition))
    if (offset === undefined) throw failureOf(answer)
    return Number(offset)
  }

  #gone() {
    return diagnostic({
      code: 'FERRY1420',
      detail: `The state topic ${this.topic} on ${this.cluster.name} was deleted, or made anew, while this process used it: the state that it held is lost.`,
      fix: 'Restore the state from a backup (ferry state push) before anything is applied; without it the next plan takes the migration for one that was never begun.',
    })
  }

  #unfit(what: string, fix: string): FerryError {
    return new FerryError(
      diagnostic({
        code: 'FERRY1420',
        detail: `The state topic ${this.topic} on ${this.cluster.name} ${what}.`,
        fix,
      }),
    )
  }
}
