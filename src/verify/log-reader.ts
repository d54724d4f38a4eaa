import type { PartitionKey } from '../domain/ids.ts'
import { partitionKey } from '../domain/ids.ts'
import type { BrokerLink, Cluster, FetchedPartition } from '../kafka/cluster.ts'
import { ErrorCode, errorName, isRetriable } from '../kafka/error-codes.ts'
import { requestOf } from './fetch-request.ts'
import { LogStream, type ReadRange } from './log-stream.ts'

/** What a partition may be asked for once a smaller limit brought nothing. */
const MOST_PARTITION_BYTES = 4 * 1024 * 1024
const LONGEST_PAUSE_MS = 1_000
/** So many answers without a byte, from a log that goes on further, mean that a cleaner left nothing there (`UnifiedLog.read`). */
const EMPTY_ANSWERS = 3

export interface LogReaderOptions {
  /** How long a partition may go without an answer that helps before its stream fails. Default one minute. */
  readonly patienceMs?: number
}

interface Reading {
  readonly stream: LogStream
  readonly key: PartitionKey
  readonly window: number
  maxBytes: number
  inFlight: boolean
  emptyAnswers: number
  attempts: number
  /** When it was last served, and the earliest time to ask again. */
  servedAt: number
  notBefore: number
}

/** A connection to a broker, with one request in flight at most: a broker answers a connection's requests one after the other. */
interface Lane {
  link: Promise<BrokerLink> | undefined
  busy: boolean
}

/** While one answer is on its way the broker prepares the other. More of them only wait for its disk or its core. */
const LANES = 2

/**
 * Reads many ranges of one cluster at once, as consumers with read_committed see them. Partitions of a broker share its fetch requests,
 * one in flight on each of two connections; each stream holds about its window. Leader changes, lost connections and retriable errors are waited out.
 */
export class LogReader {
  readonly #cluster: Cluster
  readonly #patienceMs: number
  readonly #signal: AbortSignal
  /** In the order in which they are to be asked for: whoever was served goes to the end, as a broker fills answers front to back. */
  readonly #open = new Set<Reading>()
  readonly #brokers = new Map<number, readonly Lane[]>()
  #leaders = new Map<PartitionKey, number>()
  #askingLeaders = false
  #scheduled = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(cluster: Cluster, options: LogReaderOptions, signal: AbortSignal) {
    this.#cluster = cluster
    this.#patienceMs = options.patienceMs ?? 60_000
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort)
  }

  /** Begins to read. `windowBytes` is about what is read ahead. Close the stream if it is left before its end. */
  read(range: ReadRange, windowBytes: number): LogStream {
    const stream = new LogStream(range, () => this.#schedule())
    const reading: Reading = {
      stream,
      key: partitionKey(range.topic, range.partition),
      window: windowBytes,
      maxBytes: Math.max(1, windowBytes >>> 1),
      inFlight: false,
      emptyAnswers: 0,
      attempts: 0,
      servedAt: performance.now(),
      notBefore: 0,
    }
    if (this.#closed || this.#signal.aborted) {
      stream.finish({ kind: 'failed', offset: range.from, detail: 'reading was interrupted' })
    } else if (!stream.complete) {
      this.#open.add(reading)
      this.#schedule()
    }
    return stream
  }

  /** Ends all streams and connections. */
  async close(): Promise<void> {
    this.#closed = true
    this.#signal.removeEventListener('abort', this.#onAbort)
    clearTimeout(this.#timer)
    for (const { stream } of this.#open) stream.close()
    this.#open.clear()
    const links = [...this.#brokers.values()].flat().map(({ link }) => link)
    this.#brokers.clear()
    await Promise.allSettled(links.map(async (link) => (await link)?.close()))
  }

  readonly #onAbort = (): void => {
    for (const { stream } of this.#open) {
      stream.finish({
        kind: 'failed',
        offset: stream.fetchOffset,
        detail: 'reading was interrupted',
      })
    }
    this.#open.clear()
  }

  /** One look at all streams for everything that happens in this turn, so that they share requests. */
  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#closed) return
    const now = performance.now()
    let wakeAt = Number.POSITIVE_INFINITY
    let leaderless = false
    const wanted = new Map<number, Map<PartitionKey, Reading>>()
    for (const reading of this.#open) {
      const { stream, key } = reading
      if (stream.complete) {
        this.#open.delete(reading)
        continue
      }
      if (reading.inFlight || stream.buffered > reading.window >>> 1) continue
      if (reading.notBefore > now) {
        wakeAt = Math.min(wakeAt, reading.notBefore)
        continue
      }
      const leader = this.#leaders.get(key)
      if (leader === undefined) {
        leaderless = true
        continue
      }
      const readings = wanted.get(leader) ?? new Map<PartitionKey, Reading>()
      wanted.set(leader, readings)
      // A request names a partition once: other streams of it take their turn.
      if (!readings.has(key)) readings.set(key, reading)
    }
    if (leaderless) void this.#askLeaders()
    for (const [nodeId, readings] of wanted) this.#share(nodeId, [...readings.values()])
    clearTimeout(this.#timer)
    if (wakeAt < Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(() => this.#schedule(), Math.max(1, wakeAt - now))
    }
  }

  async #askLeaders(): Promise<void> {
    if (this.#askingLeaders) return
    this.#askingLeaders = true
    const asked = [...this.#open].filter(({ key }) => !this.#leaders.has(key))
    try {
      const topics = [...new Set(asked.map(({ stream }) => stream.range.topic))]
      const leaders = await this.#cluster.leaders(topics, 0)
      for (const reading of asked) {
        const leader = leaders.get(reading.key)?.leader ?? -1
        if (leader >= 0) this.#leaders.set(reading.key, leader)
        else this.#postpone(reading, 'it has no leader')
      }
    } catch (error) {
      for (const reading of asked) this.#postpone(reading, messageOf(error))
    } finally {
      this.#askingLeaders = false
      this.#schedule()
    }
  }

  /** Among the connections that have nothing in flight, in turns, so that each asks for those that waited longest first. */
  #share(nodeId: number, readings: readonly Reading[]): void {
    const lanes =
      this.#brokers.get(nodeId) ??
      Array.from({ length: LANES }, (): Lane => ({ link: undefined, busy: false }))
    this.#brokers.set(nodeId, lanes)
    const free = lanes.filter(({ busy }) => !busy)
    for (const [place, lane] of free.entries()) {
      const own = readings.filter((_, i) => i % free.length === place)
      if (own.length > 0) void this.#fetch(nodeId, lane, own)
    }
  }

  async #fetch(nodeId: number, lane: Lane, readings: readonly Reading[]): Promise<void> {
    lane.busy = true
    for (const reading of readings) reading.inFlight = true
    try {
      lane.link ??= this.#cluster.connectBroker(nodeId)
      const link = await lane.link
      if (this.#closed) return await link.close()
      this.#takeAll(readings, await link.fetch(requestOf(readings)))
    } catch (error) {
      const lost = lane.link
      lane.link = undefined
      void lost?.then((link) => link.close()).catch(() => undefined)
      for (const reading of readings) this.#retry(reading, messageOf(error))
    } finally {
      lane.busy = false
      for (const reading of readings) reading.inFlight = false
      this.#schedule()
    }
  }

  #takeAll(readings: readonly Reading[], answers: readonly FetchedPartition[]): void {
    const byKey = new Map(
      answers.map((answer) => [partitionKey(answer.topic, answer.partition), answer]),
    )
    const allEmpty = answers.every(({ records }) => records.length === 0)
    for (const reading of readings) {
      const answer = byKey.get(reading.key)
      if (reading.stream.complete) continue
      // A throttled client gets answers that leave partitions out (KIP-219).
      if (answer === undefined) this.#postpone(reading, 'the broker left it out of its answers')
      else if (answer.errorCode !== ErrorCode.NONE) this.#takeError(reading, answer.errorCode)
      else this.#takeRecords(reading, answer, allEmpty)
    }
  }

  #takeRecords(reading: Reading, answer: FetchedPartition, allEmpty: boolean): void {
    const { stream } = reading
    const { bytes, wanted } = stream.take(answer.records, answer.abortedTransactions)
    if (bytes > 0) {
      reading.emptyAnswers = 0
      reading.attempts = 0
      reading.servedAt = performance.now()
      this.#open.delete(reading)
      if (!stream.complete) this.#open.add(reading)
      return
    }
    if (answer.lastStableOffset < stream.range.to) {
      const end = answer.lastStableOffset
      this.#postpone(reading, `the log ends at ${end}, below ${stream.range.to}`)
    } else if (!allEmpty || reading.maxBytes < MOST_PARTITION_BYTES) {
      // Another partition took the room of the answer, or the batch is larger than the limit: no emptiness is believed before that is out.
      const most = allEmpty ? MOST_PARTITION_BYTES : reading.maxBytes * 2
      reading.maxBytes = Math.max(wanted, Math.min(most, MOST_PARTITION_BYTES))
    } else if (++reading.emptyAnswers >= EMPTY_ANSWERS) {
      stream.finish({ kind: 'end' })
    }
  }

  #takeError(reading: Reading, code: number): void {
    if (code === ErrorCode.OFFSET_OUT_OF_RANGE) void this.#findLogStart(reading)
    else if (isRetriable(code)) this.#retry(reading, `the broker answers ${errorName(code)}`)
    else this.#fail(reading, `the broker answers ${errorName(code)}`)
  }

  /** The error alone does not say on which side: below the log start, or above the end of a log that was cut. */
  async #findLogStart(reading: Reading): Promise<void> {
    const { range, fetchOffset } = reading.stream
    reading.notBefore = Number.POSITIVE_INFINITY
    try {
      const answer = await this.#cluster.listOffsets([range], 'earliest')
      const logStart = answer.ok.get(reading.key)
      if (logStart === undefined) {
        this.#retry(reading, answer.failed.get(reading.key)?.detail ?? 'its log start is unknown')
      } else if (logStart > fetchOffset) {
        reading.stream.finish({
          kind: 'out-of-range',
          offset: fetchOffset,
          logStart: Number(logStart),
        })
      } else {
        this.#fail(reading, `the log ends before offset ${fetchOffset}: its end was cut off`)
      }
    } catch (error) {
      this.#retry(reading, messageOf(error))
    } finally {
      this.#schedule()
    }
  }

  /** Again, and not on the word of old metadata. */
  #retry(reading: Reading, because: string): void {
    this.#leaders.delete(reading.key)
    this.#postpone(reading, because)
  }

  #postpone(reading: Reading, because: string): void {
    const now = performance.now()
    if (now - reading.servedAt > this.#patienceMs) {
      const seconds = Math.round((now - reading.servedAt) / 1_000)
      this.#fail(reading, `${because}, for ${seconds} s`)
      return
    }
    const pause = Math.min(20 * 2 ** Math.min(reading.attempts++, 10), LONGEST_PAUSE_MS)
    reading.notBefore = now + pause
  }

  #fail(reading: Reading, detail: string): void {
    const offset = reading.stream.fetchOffset
    reading.stream.finish({ kind: 'failed', offset, detail: `at offset ${offset}: ${detail}` })
    this.#open.delete(reading)
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Waits until the stream has a batch or is at its end. */
export const nextBatchOf = async (stream: LogStream): Promise<'batch' | 'end'> => {
  for (;;) {
    const found = stream.next()
    if (found !== 'wait') return found
    await stream.more()
  }
}
