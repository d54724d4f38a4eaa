import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { BrokerLink, Cluster, ProducerIdentity } from '../kafka/cluster.ts'
import { errorName } from '../kafka/error-codes.ts'
import { encodeFiller, MAX_FILLER_RECORDS } from '../records/index.ts'
import { checkTail } from './check-tail.ts'
import { LogReader, raiseLogStart } from './log-reader.ts'
import type { MirrorTimings } from './mirror.ts'
import { range } from './problems.ts'
import { settleUnderLock } from './settled.ts'
import { backoffMs, pause } from './wait.ts'
import type { PartitionLock } from './with-partitions.ts'

const SEQUENCES = 2 ** 31
/** A broker works on one request per connection at a time. */
const LINKS = 2
const MOST_ATTEMPTS = 8
const REPORT_MS = 1_000

export interface PrimeOptions {
  readonly target: Cluster
  readonly topic: TopicName
  /** Log starts of the source: where the first mirrored record will be. */
  readonly partitions: readonly { readonly partition: number; readonly upTo: bigint }[]
  /** Of the mark intent: tells this filler from anything else. */
  readonly filler: ProducerIdentity
  /** Held on all partitions; see `withPartitions`. */
  readonly lock: PartitionLock
  /** The filler's producer id was taken just now: nothing of it can be on its way already. */
  readonly isFirst: boolean
  readonly timings: MirrorTimings
  readonly signal: AbortSignal
  readonly report?: (line: string) => void
}

interface Priming {
  readonly key: PartitionKey
  readonly partition: number
  readonly upTo: number
  at: number
}

/**
 * Brings empty target partitions to the source's log starts with filler, which DeleteRecords then removes. Each partition must be empty or
 * hold only filler of this very producer, so that a call after a crash anywhere goes on. When it returns, each log starts and ends at its
 * `upTo`. Throws FerryError.
 */
export const primeTopic = async (options: PrimeOptions): Promise<void> => {
  const { partitions, topic, target } = options
  const reader = new LogReader(target)
  const progress = new Progress(options)
  try {
    const all = partitions.map(
      ({ partition, upTo }): Priming => ({
        key: partitionKey(topic, partition),
        partition,
        upTo: Number(upTo),
        at: 0,
      }),
    )
    await Promise.all(all.map((p) => find(p, reader, options, options.isFirst)))
    progress.begin(all)
    const groups = Array.from({ length: LINKS }, (_, i) => all.filter((_p, n) => n % LINKS === i))
    await Promise.all(groups.map((group) => primeGroup(group, reader, options, progress)))
    for (const p of all) await confirm(p, reader, options)
  } finally {
    await reader.close()
  }
}

/** Reads where the partition is, and that all in it is ours. */
const find = async (
  p: Priming,
  reader: LogReader,
  options: PrimeOptions,
  isFirst = false,
): Promise<void> => {
  const { filler, signal } = options
  await settleUnderLock(p.key, reader, { ...options, isFirst })
  const { start, end } = await reader.ends(p.key)
  const ours = {
    key: p.key,
    producerId: Number(filler.producerId),
    producerEpoch: filler.epoch,
    sequenceOf: (offset: number) => offset % SEQUENCES,
  }
  const read = (key: PartitionKey, offset: number, bytes: number) => reader.read(key, offset, bytes)
  const tail = await checkTail(ours, read, { from: start, end }, signal)
  if (tail.problem !== undefined) {
    const detail = `${tail.problem.detail.replace('this mirror', 'this priming')} Priming needs ${p.key} empty.`
    const fix =
      'Use `offsets: dense` for this topic, or delete and create it if nothing in it is needed.'
    throw new FerryError(diagnostic({ code: 'FERRY1607', detail, fix }))
  }
  p.at = Math.max(end, tail.checkedTo)
  if (p.at > p.upTo) throw overshoot(p)
}

const overshoot = (p: Priming): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1608',
      detail: `${p.key} ends at ${p.at}, but the first record of the source has offset ${p.upTo}: ${range(p.upTo, p.at)} are taken by filler and cannot be given back.`,
      fix: 'Delete and create the topic (it holds filler only) and apply again, or use `offsets: dense`.',
    }),
  )

/** Rounds of one batch per partition, until all are there. Before anything is sent again the log end is read. */
const primeGroup = async (
  group: readonly Priming[],
  reader: LogReader,
  options: PrimeOptions,
  progress: Progress,
): Promise<void> => {
  let attempt = 0
  for (;;) {
    const left = group.filter((p) => p.at < p.upTo)
    if (left.length === 0) return
    const before = progress.done
    try {
      await primeRounds(left, reader, options, progress)
    } catch (error) {
      options.signal.throwIfAborted()
      if (error instanceof FerryError && !error.retriable) throw error
      if (progress.done > before) attempt = 0
      if (++attempt > MOST_ATTEMPTS) throw unfinished(left, error)
      options.report?.(
        `priming ${options.topic}: ${(error as Error).message}; reading the log ends again`,
      )
      await pause(backoffMs(attempt), options.signal)
      await Promise.all(left.map((p) => find(p, reader, options)))
    }
  }
}

const unfinished = (left: readonly Priming[], cause: unknown): FerryError => {
  const p = left[0]!
  return new FerryError(
    diagnostic({
      code: 'FERRY1609',
      detail: `${p.key} is primed to ${p.at} of ${p.upTo}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      fix: 'Look at the target brokers, then apply again: priming goes on where it stopped.',
    }),
    { retriable: true, cause },
  )
}

const primeRounds = async (
  left: readonly Priming[],
  reader: LogReader,
  options: PrimeOptions,
  progress: Progress,
): Promise<void> => {
  const byLeader = new Map<number, Priming[]>()
  for (const p of left) {
    const { leader } = await reader.leader(p.key)
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), p])
  }
  const results = await Promise.allSettled(
    [...byLeader].map(async ([leader, mine]) => {
      const link = await options.target.connectBroker(leader)
      try {
        for (;;) {
          const round = mine.filter((p) => p.at < p.upTo)
          if (round.length === 0) return
          await primeOnce(round, link, options)
          progress.report()
        }
      } finally {
        await link.close()
      }
    }),
  )
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

const primeOnce = async (
  round: readonly Priming[],
  link: BrokerLink,
  options: PrimeOptions,
): Promise<void> => {
  const { filler, lock, timings, topic } = options
  const counts = round.map((p) => Math.min(MAX_FILLER_RECORDS, p.upTo - p.at))
  const partitions = round.map((p, i) => {
    const stamp = { ...filler, baseSequence: p.at % SEQUENCES }
    return { partition: p.partition, batch: [encodeFiller(counts[i]!, stamp)] }
  })
  const answers = await lock.write(
    round.map((p) => p.key),
    async () => {
      // Late is lost: then nothing of it may still be on its way.
      const late = setTimeout(() => void link.close(), timings.requestTimeoutMs)
      try {
        const timeoutMs = Math.ceil(timings.requestTimeoutMs * 0.8)
        const answers = await link.produce({ topics: [{ topic, partitions }], timeoutMs })
        for (const answer of answers) {
          if (answer.errorCode === 0) continue
          throw new Error(`${topic}:${answer.partition}: ${errorName(answer.errorCode)}`)
        }
        return answers
      } finally {
        clearTimeout(late)
      }
    },
  )
  for (const [i, p] of round.entries()) {
    const answer = answers.find((a) => a.partition === p.partition)
    if (answer?.baseOffset !== p.at) {
      // The check that follows names what is there instead.
      throw new Error(`${p.key}: filler got offset ${answer?.baseOffset} instead of ${p.at}`)
    }
    p.at += counts[i]!
  }
}

const confirm = async (p: Priming, reader: LogReader, options: PrimeOptions): Promise<void> => {
  if (p.upTo === 0) return
  for (let attempt = 0; ; attempt++) {
    try {
      const found = await reader.ends(p.key)
      const { start, end } =
        found.start < p.upTo
          ? await options.lock.write([p.key], () =>
              raiseLogStart(options.target, reader, p.key, p.upTo),
            )
          : found
      if (start === p.upTo && end === p.upTo) return
      throw new Error(`${p.key} is ${start} to ${end} after priming to ${p.upTo}`)
    } catch (error) {
      options.signal.throwIfAborted()
      if (attempt >= MOST_ATTEMPTS) throw unfinished([p], error)
      await pause(backoffMs(attempt), options.signal)
    }
  }
}

/** The live line, at most once a second. */
class Progress {
  readonly #options: PrimeOptions
  #all: readonly Priming[] = []
  #started = 0
  #before = 0
  #reported = 0

  constructor(options: PrimeOptions) {
    this.#options = options
  }

  begin(all: readonly Priming[]): void {
    this.#all = all
    this.#started = performance.now()
    this.#before = this.done
    this.#reported = this.#started
  }

  get done(): number {
    return this.#all.reduce((sum, p) => sum + p.at, 0)
  }

  report(): void {
    const now = performance.now()
    if (now - this.#reported < REPORT_MS) return
    this.#reported = now
    const { done } = this
    const total = this.#all.reduce((sum, p) => sum + p.upTo, 0)
    const perSecond = ((done - this.#before) / (now - this.#started)) * 1000
    const seconds = perSecond > 0 ? Math.ceil((total - done) / perSecond) : 0
    this.#options.report?.(
      `priming ${this.#options.topic}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')} offsets, ${seconds} s left`,
    )
  }
}
