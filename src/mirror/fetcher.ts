import { setTimeout as pause } from 'node:timers/promises'
import type { TopicName } from '../domain/ids.ts'
import type { BrokerLink, FetchedPartition, FetchPartitionRequest } from '../kafka/cluster.ts'
import { ErrorCode, errorName, isRetriable } from '../kafka/error-codes.ts'
import { AnswerMemory, type Budget } from './budget.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { MirroredPartition } from './partition.ts'
import { cannotCarry, sourceFails, sourceRefuses } from './problems.ts'
import { Wake } from './wait.ts'

/**
 * Of one answer; the broker goes over it by one batch at most. Larger answers were no faster, but garbage of their size is what
 * decides how much memory the process takes.
 */
const ANSWER_BYTES = 4 * 1024 * 1024 - 128 * 1024
/** Of one partition in it, at least; a larger batch comes whole if its partition is the first with records in the request. */
const PARTITION_BYTES = 1024 * 1024
/** While others are behind, so many partitions are asked for at first; more if the answers are not full. */
const FEWEST_ASKED = 16
/** How long the broker waits for records where there are none. */
const IDLE_WAIT_MS = 250
/**
 * Where nobody is behind, a request that is answered at once rests so long for each partition that it named: both sides look at all of them
 * to hear of one record. A thousand are asked twenty times a second then, ten as soon as they have something.
 */
const REST_MS_PER_PARTITION = 0.05
/** While some partitions are left out because enough of them waits to be sent: those become ready any moment. */
const BUSY_WAIT_MS = 5

const LOST = 'the connection to the source was lost'

export interface FetcherOptions {
  readonly budget: Budget
  readonly buffers: BufferPool
  /** The partition has something to send. */
  readonly received: (p: MirroredPartition) => void
}

/** One connection to one source leader: all its partitions in one request, each in turn the first, so that none starves. */
export class Fetcher {
  readonly link: BrokerLink
  readonly #options: FetcherOptions
  readonly #partitions: MirroredPartition[] = []
  readonly #wanted = new Wake()
  #turn = 0
  #mostAsked = FEWEST_ASKED
  #allAskedAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(link: BrokerLink, options: FetcherOptions) {
    this.link = link
    this.#options = options
    void this.#run()
  }

  get isOpen(): boolean {
    return !this.#closed && this.link.connected
  }

  add(p: MirroredPartition): void {
    // The connection may be gone since the partition was given to this one: nobody would fetch it, and nobody would say so.
    if (this.#closed) {
      p.end({ why: LOST, uncertain: false })
      return
    }
    if (!this.#partitions.includes(p)) this.#partitions.push(p)
    this.#wanted.wake()
  }

  remove(p: MirroredPartition): void {
    const at = this.#partitions.indexOf(p)
    if (at >= 0) this.#partitions.splice(at, 1)
  }

  /** A partition may want more. */
  wake(): void {
    this.#wanted.wake()
  }

  close(): void {
    this.#closed = true
    this.#wanted.wake()
    void this.link.close()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closed) {
        const wanting = this.#choose()
        if (wanting.length === 0) {
          await this.#wanted.wait()
          continue
        }
        if (!this.#options.budget.tryTake(ANSWER_BYTES)) {
          await this.#options.budget.freed(100)
          continue
        }
        await this.#fetch(wanting, ANSWER_BYTES)
        if (!this.#partitions.some(isBehind)) await pause(restOf(wanting))
      }
    } catch (error) {
      this.#closed = true
      const why = `${LOST} (${(error as Error).message})`
      for (const p of [...this.#partitions]) if (p.flowing) p.end({ why, uncertain: false })
      await this.link.close()
    }
  }

  #choose(): MirroredPartition[] {
    const all = this.#partitions
    const wanting: MirroredPartition[] = []
    for (let i = 0; i < all.length; i++) {
      const p = all[(i + this.#turn) % all.length]!
      if (p.wantsMore) wanting.push(p)
    }
    // Only the first with records gets a whole batch whatever its size (KIP-74).
    const starved = wanting.findIndex((p) => p.isStarved)
    if (starved > 0) wanting.unshift(...wanting.splice(starved, 1))
    return this.#fewOf(wanting)
  }

  /**
   * Those that are behind fill an answer by themselves, a few at a time. Naming a thousand in each request, to hear of four, took a fourth of
   * the CPU; the others are asked as often as if nobody was behind.
   */
  #fewOf(wanting: MirroredPartition[]): MirroredPartition[] {
    const now = performance.now()
    const behind = wanting.filter(isBehind)
    if (behind.length > this.#mostAsked && now - this.#allAskedAt < IDLE_WAIT_MS) {
      return behind.slice(0, this.#mostAsked)
    }
    this.#allAskedAt = now
    return wanting
  }

  /** The next request begins behind what this one brought, and asks for as many as fill an answer. */
  #adapt(asked: readonly MirroredPartition[], answers: readonly FetchedPartition[]): void {
    let bytes = 0
    let served = 0
    let last: MirroredPartition | undefined
    for (const [i, { records }] of answers.entries()) {
      if (records.length === 0) continue
      bytes += records.length
      served++
      last = asked[i]
    }
    this.#turn = last === undefined ? this.#turn + 1 : this.#partitions.indexOf(last) + 1
    if (bytes < ANSWER_BYTES / 2) this.#mostAsked *= 2
    else if (served * 4 <= asked.length) this.#mostAsked /= 2
    const most = Math.min(this.#mostAsked, this.#partitions.length)
    this.#mostAsked = Math.max(most, FEWEST_ASKED)
  }

  async #fetch(wanting: readonly MirroredPartition[], bytes: number): Promise<void> {
    const tenures = wanting.map((p) => p.tenure)
    for (const p of wanting) p.fetchedIn = p.tenure
    const answered = () => {
      for (const [i, p] of wanting.entries()) if (p.fetchedIn === tenures[i]) p.fetchedIn = 0
    }
    const memory = new AnswerMemory(this.#options.budget, this.#options.buffers, bytes)
    try {
      const request = {
        topics: topicsOf(wanting),
        maxWaitMs: wanting.length === this.#partitions.length ? IDLE_WAIT_MS : BUSY_WAIT_MS,
        minBytes: 1,
        maxBytes: bytes,
        isolation: 'read-committed',
      } as const
      const askedAt = Date.now()
      const answers = await this.link.fetch(request, memory.space)
      memory.arrived(answers.reduce((sum, { records }) => sum + records.length, 0))
      this.#adapt(wanting, answers)
      answered()
      const inOrder = answers.length === wanting.length
      for (let i = 0; i < wanting.length; i++) {
        const p = wanting[i]!
        const answer =
          inOrder && isFor(answers[i]!, p) ? answers[i]! : answers.find((a) => isFor(a, p))
        if (answer === undefined || !p.flowing || p.tenure !== tenures[i]) continue
        if (answer.errorCode === 0) p.hearing?.looked(readableTo(answer), askedAt)
        this.#take(p, answer, memory)
      }
    } catch (error) {
      memory.spoil()
      throw error
    } finally {
      answered()
      memory.release()
    }
  }

  #take(p: MirroredPartition, answer: FetchedPartition, memory: AnswerMemory): void {
    const { errorCode: code, records } = answer
    if (code !== 0) {
      // The check that follows finds out what is behind it, and names the range.
      const why = `the source answered ${errorName(code)}`
      if (code === ErrorCode.OFFSET_OUT_OF_RANGE) p.endOnceSent({ why, uncertain: false })
      else if (code === ErrorCode.TOPIC_AUTHORIZATION_FAILED) {
        p.end({ why, uncertain: false, problem: sourceRefuses(p.key, errorName(code)) })
      } else if (code !== ErrorCode.CORRUPT_MESSAGE && isRetriable(code)) {
        p.end({ why, uncertain: false })
      } else {
        p.endOnceSent({
          why,
          uncertain: false,
          ifItLasts: sourceFails(p.key, p.next, errorName(code)),
        })
      }
      return
    }
    if (p.seen.wentBack(answer)) {
      // Nothing of this answer is taken: the check finds out whether it is the same log.
      p.end({ why: 'the source log went back', uncertain: false })
      return
    }
    p.sourceEnd = readableTo(answer)
    if (records.length === 0) {
      p.isStarved = p.next < p.sourceEnd
      return
    }
    try {
      if (p.receive(records, answer.abortedTransactions, memory)) this.#options.received(p)
    } catch (error) {
      const detail = (error as Error).message
      const block = { reason: 'malformed', from: p.next, to: p.next + 1, detail } as const
      p.endOnceSent({ why: detail, uncertain: false, ifItLasts: cannotCarry(p, block) })
    }
  }
}

/** A cleaner, too, goes no further than the last stable offset. */
const readableTo = ({ lastStableOffset, highWatermark }: FetchedPartition): number =>
  lastStableOffset >= 0 ? lastStableOffset : highWatermark

const isBehind = (p: MirroredPartition): boolean => p.next < p.sourceEnd

const restOf = (asked: readonly MirroredPartition[]): number =>
  Math.min(asked.length * REST_MS_PER_PARTITION, IDLE_WAIT_MS)

const isFor = (answer: FetchedPartition, p: MirroredPartition): boolean =>
  answer.partition === p.partition && answer.topic === p.topic

const topicsOf = (partitions: readonly MirroredPartition[]) => {
  const topics: { topic: TopicName; topicId?: string; partitions: FetchPartitionRequest[] }[] = []
  const maxBytes = Math.max(PARTITION_BYTES, Math.floor(ANSWER_BYTES / partitions.length))
  for (const p of partitions) {
    const request = { partition: p.partition, fetchOffset: p.next, maxBytes }
    const last = topics.at(-1)
    // Neighbours only: the order between topics is what makes it fair.
    if (last?.topic === p.topic) last.partitions.push(request)
    else {
      const { sourceTopicId: topicId } = p.mark
      topics.push({
        topic: p.topic,
        ...(topicId !== undefined && { topicId }),
        partitions: [request],
      })
    }
  }
  return topics
}
