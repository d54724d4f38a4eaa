import type { TopicName } from '../domain/ids.ts'
import type { BrokerLink, ProducedPartition, ProduceRequest } from '../kafka/cluster.ts'
import { ErrorCode, errorName, isRetriable } from '../kafka/error-codes.ts'
import { MERGE_TARGET_BYTES } from '../records/index.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { Trouble } from './flow.ts'
import type { SentBatch } from './in-flight.ts'
import { mergeLimit, Outbox } from './outbox.ts'
import { mustPad, type PadCounters, Padder, type PadderOptions } from './padder.ts'
import type { MirroredPartition } from './partition.ts'
import { refused } from './problems.ts'
import type { Throttle } from './throttle.ts'

/** Per partition, where the broker is sure to refuse a batch whose predecessor failed. */
const IN_FLIGHT_PER_PARTITION = 4
/** Per connection. The broker works on one at a time; the others hide the way to it. */
const REQUESTS_PER_LINK = 4
const REQUEST_BYTES = 2 * 1024 * 1024
/** Longest pause of a connection that is throttled. */
const THROTTLED_MS = 250

/**
 * Codes that may say nothing about the batch, that the check explains better, or that it may mend (a topic takes smaller batches than before):
 * tried again, but not for ever.
 */
const CHECK_AGAIN = new Set<number>([
  -1,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
  ErrorCode.UNKNOWN_PRODUCER_ID,
])
/** Answered before anything is appended. */
const NOT_APPENDED = new Set<number>([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
  ErrorCode.NOT_ENOUGH_REPLICAS,
])

/** Numbers for tests and the bench: how batches were made. */
export interface SendCounters extends PadCounters {
  requests: number
  batchesPassedThrough: number
  batchesMerged: number
  sourceBatchesMerged: number
}

export interface SenderOptions extends PadderOptions {
  readonly maySend: () => boolean
  readonly throttle: Throttle
  readonly pool: BufferPool
  readonly freshMs: () => number
  readonly counters: SendCounters
  /** An acknowledged batch came with this log start. */
  readonly logStart: (p: MirroredPartition, offset: number) => void
}

interface SentPartition {
  readonly p: MirroredPartition
  readonly tenure: number
  readonly batch: SentBatch
}

/**
 * One connection to one target leader, and the partitions that are sent on it: all requests of a partition go over one connection, so that
 * they arrive in order. Partitions that are ready together share a request.
 */
export class Sender {
  readonly link: BrokerLink
  readonly #options: SenderOptions
  readonly #outbox: Outbox
  readonly #partitions = new Set<MirroredPartition>()
  #ready: MirroredPartition[] = []
  readonly #isReady = new Set<MirroredPartition>()
  readonly #padder: Padder
  #requests = 0
  #scheduled = false
  #throttled: NodeJS.Timeout | undefined

  constructor(link: BrokerLink, options: SenderOptions) {
    this.link = link
    this.#options = options
    this.#outbox = new Outbox(options.pool)
    this.#padder = new Padder(link, options)
  }

  add(p: MirroredPartition): void {
    this.#partitions.add(p)
  }

  remove(p: MirroredPartition): void {
    this.#partitions.delete(p)
  }

  /** Something of the partition may be ready to be sent. */
  offer(p: MirroredPartition): void {
    if (!this.#isReady.has(p)) {
      this.#isReady.add(p)
      this.#ready.push(p)
    }
    this.#schedule()
  }

  /** The lock allows sending again. */
  resume(): void {
    if (this.#ready.length > 0) this.#schedule()
  }

  /** Once per turn of the event loop, so that partitions that become ready in one turn share a request. */
  #schedule(): void {
    if (this.#scheduled || this.#throttled !== undefined) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#requests < REQUESTS_PER_LINK && this.#ready.length > 0) {
      const waitMs = this.#options.throttle.waitMs(performance.now())
      if (waitMs > 0) {
        // The rate may be another one by then.
        const lookAgainMs = Math.min(waitMs, THROTTLED_MS)
        this.#throttled = setTimeout(() => {
          this.#throttled = undefined
          this.#pump()
        }, lookAgainMs)
        return
      }
      if (!this.link.connected) {
        this.#giveUp()
        return
      }
      if (!this.#options.maySend()) return
      const sent = this.#collect()
      if (sent.length === 0) return
      void this.#send(sent)
    }
  }

  /** The connection is gone. What is in flight hears of it by itself; the others only need a new one. */
  #giveUp(): void {
    this.#ready = []
    this.#isReady.clear()
    for (const p of [...this.#partitions]) {
      p.end({ why: 'the connection to the target was lost', uncertain: p.inFlight.count > 0 })
    }
  }

  /** One batch of each partition that is ready, up to the size of a request. */
  #collect(): SentPartition[] {
    const sent: SentPartition[] = []
    const ready = this.#ready
    const freshAfter = Date.now() - this.#options.freshMs()
    const again: MirroredPartition[] = []
    let bytes = 0
    let i = 0
    for (; i < ready.length && bytes < REQUEST_BYTES; i++) {
      const p = ready[i]!
      this.#isReady.delete(p)
      if (this.#partitions.has(p) && mustPad(p)) {
        void this.#padder.pad(p).finally(() => this.offer(p))
        continue
      }
      if (!this.#canSend(p)) continue
      const stamp = {
        producerId: p.mark.producerId,
        epoch: p.mark.producerEpoch,
        baseSequence: p.offsets.sequenceOf(p.sendBase),
      }
      const out = this.#outbox.next(
        p.queue,
        stamp,
        mergeLimit(!p.inFlight.mayBeSeveral, p.maxBytes),
        p.splitsAtHoles,
      )
      const batch = { ...out, expectedBase: p.sendBase, isFresh: out.maxTimestamp > freshAfter }
      p.sent(batch)
      bytes += batch.batch.length
      sent.push({ p, tenure: p.tenure, batch })
      this.#options.drained(p)
      if (this.#canSend(p)) again.push(p)
    }
    this.#ready = ready.slice(i)
    for (const p of again) {
      this.#isReady.add(p)
      this.#ready.push(p)
    }
    return sent
  }

  #canSend(p: MirroredPartition): boolean {
    if (!p.flowing || !this.#partitions.has(p) || p.queue.bytes === 0) return false
    if (p.padding || p.missingMarkers !== 0) return false
    if (p.inFlight.count === 0) return true
    // More waits to be merged with: an answer comes soon, and asks again.
    if (p.queue.bytes < MERGE_TARGET_BYTES) return false
    return p.inFlight.mayBeSeveral && p.inFlight.count < IN_FLIGHT_PER_PARTITION
  }

  async #send(sent: readonly SentPartition[]): Promise<void> {
    this.#requests++
    this.#options.counters.requests++
    for (const { batch } of sent) {
      this.#options.throttle.spend(batch.batch.length)
      if (batch.merged) {
        this.#options.counters.batchesMerged++
        this.#options.counters.sourceBatchesMerged += batch.sourceBatches
      } else if (batch.passedThrough) this.#options.counters.batchesPassedThrough++
    }
    // An answer that is late is lost: the connection has to go, so that nothing of the request is still on its way.
    const late = setTimeout(() => void this.link.close(), this.#options.requestTimeoutMs)
    try {
      const answers = await this.link.produce(requestOf(sent, this.#options.requestTimeoutMs))
      clearTimeout(late)
      this.#answered(sent, answers)
    } catch (error) {
      clearTimeout(late)
      await this.link.close()
      const why = `the answer of the target was lost (${(error as Error).message})`
      for (const one of sent) this.#fail(one, { why, uncertain: true })
    } finally {
      this.#requests--
      this.#schedule()
    }
  }

  #answered(sent: readonly SentPartition[], answers: readonly ProducedPartition[]): void {
    // Brokers answer in the order of the request, as far as seen; a map is only needed if one does not.
    const inOrder = answers.length === sent.length && answers.every((a, i) => isFor(a, sent[i]!))
    for (let i = 0; i < sent.length; i++) {
      const one = sent[i]!
      const answer = inOrder ? answers[i] : answers.find((a) => isFor(a, one))
      if (answer === undefined) {
        void this.link.close()
        this.#fail(one, { why: 'the target left it out of its answer', uncertain: true })
      } else this.#judge(one, answer)
    }
  }

  #judge(one: SentPartition, answer: ProducedPartition): void {
    const { p, batch, tenure } = one
    // Also where the flow has ended: whoever goes on must know that the batch may stand there, behind what can be read now.
    if (answer.errorCode !== 0) {
      this.#fail(one, troubleOf(p, batch, answer))
      return
    }
    if (p.tenure !== tenure || !p.flowing) {
      this.#finish(one, true)
      return
    }
    if (answer.baseOffset !== batch.expectedBase) {
      const why = `a batch got offset ${answer.baseOffset} instead of ${batch.expectedBase}`
      this.#fail(one, { why, uncertain: false })
      return
    }
    p.acknowledged(batch)
    this.#finish(one, true)
    if (answer.logStartOffset >= 0) this.#options.logStart(p, answer.logStartOffset)
    if (p.queue.bytes > 0 || p.missingMarkers > 0) this.offer(p)
  }

  #fail(one: SentPartition, trouble: Trouble): void {
    if (one.p.tenure === one.tenure) one.p.end(trouble)
    this.#finish(one, false)
  }

  #finish({ p, batch }: SentPartition, isAnswered: boolean): void {
    if (batch.pooled !== undefined) {
      if (isAnswered) this.#options.pool.give(batch.pooled)
      else this.#options.pool.forget(batch.pooled)
    }
    if (!isAnswered) batch.memory?.spoil()
    batch.memory?.release()
    p.answered(batch)
  }
}

const isFor = (answer: ProducedPartition, { p }: SentPartition): boolean =>
  answer.partition === p.partition && answer.topic === p.topic

const troubleOf = (p: MirroredPartition, batch: SentBatch, answer: ProducedPartition): Trouble => {
  const code = answer.errorCode
  const said = answer.errorMessage === undefined ? '' : ` (${answer.errorMessage})`
  const error = `${errorName(code)}${said}`
  const why = `the target answered ${error}`
  const uncertain = !NOT_APPENDED.has(code)
  const from = p.offsets.sourceOf(batch.expectedBase)
  const problem = refused(p.key, from, from + batch.records, error)
  if (CHECK_AGAIN.has(code)) return { why, uncertain, ifItLasts: problem }
  if (isRetriable(code)) return { why, uncertain }
  return { why: error, uncertain: false, problem }
}

const requestOf = (sent: readonly SentPartition[], timeoutMs: number): ProduceRequest => {
  const topics = new Map<TopicName, { partition: number; batch: readonly Buffer[] }[]>()
  for (const { p, batch } of sent) {
    const partitions = topics.get(p.topic)
    const entry = { partition: p.partition, batch: [batch.batch] }
    if (partitions === undefined) topics.set(p.topic, [entry])
    else partitions.push(entry)
  }
  return {
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    // The broker gives up first, and says so.
    timeoutMs: Math.ceil(timeoutMs * 0.8),
  }
}
