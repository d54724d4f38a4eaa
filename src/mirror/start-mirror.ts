import { acceptedOf } from '../domain/accepted-gap.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import { codecsReady } from '../records/index.ts'
import type { Marked } from './below-mark.ts'
import { Budget } from './budget.ts'
import { BufferPool } from './buffer-pool.ts'
import { Checker } from './check.ts'
import { Cleaners } from './cleaners.ts'
import { type Clock, systemClock } from './clock.ts'
import { Coalescer } from './coalescer.ts'
import { every } from './every.ts'
import { GapSaver } from './gap-saver.ts'
import { Holdings } from './holdings.ts'
import type { IntakeCounters } from './intake.ts'
import { untilTaken } from './kept-lock.ts'
import { LogReader } from './log-reader.ts'
import { Membership } from './membership.ts'
import type {
  KeptLock,
  MirroredMigration,
  MirrorFacts,
  MirrorOptions,
  MirrorWithFacts,
  PartitionReport,
} from './mirror.ts'
import { MirroredPartition, markedOf } from './partition.ts'
import { ProgressSaver, readProgressOf } from './progress-saver.ts'
import { reportOf } from './report-of.ts'
import { Routes } from './routes.ts'
import type { SendCounters } from './sender.ts'
import { stillMirrored } from './still-mirrored.ts'
import { TargetFacts } from './target-facts.ts'
import { shareOfLimits, Throttle } from './throttle.ts'
import { Watch } from './watch.ts'

/** Of the memory budget, for Fetch answers; the rest is for merged batches on their way. */
const ANSWERS_SHARE = 0.75

/** How often it is seen whether connections to the target were lost that nothing is sent on. */
const AFTER_LOSS_MS = 1_000

/** How often it is seen what the cleaner may have removed of what is mirrored back. */
const LISTEN_MS = 10_000

/** What only tests change. */
export interface MirrorInternals {
  readonly clock?: Clock
  readonly saveEveryMs?: number
  readonly watchEveryMs?: number
}

/** A mirror that also says how it made its batches. */
export interface RunningMirror extends MirrorWithFacts {
  readonly counters: Readonly<CopyCounters>
  /** Of all buffers that records are read into and merged in, those that wait to be used again included. */
  readonly bufferBytes: number
}

/** How batches were made: what passed through is in none of the intake's. */
export type CopyCounters = SendCounters & IntakeCounters

/**
 * Starts mirroring. It joins the mirror's group on the target at the first {@link Mirror.follow}; what is followed and given to this
 * process by the group is copied, the rest is `elsewhere`.
 */
export const startMirror = (
  options: MirrorOptions,
  internals: MirrorInternals = {},
): RunningMirror => new Engine(options, internals)

class Engine implements RunningMirror {
  readonly counters: CopyCounters = {
    requests: 0,
    batchesPassedThrough: 0,
    batchesMerged: 0,
    sourceBatchesMerged: 0,
    markersWritten: 0,
    batchesReEncoded: 0,
    recordsReEncoded: 0,
  }
  readonly #options: MirrorOptions
  readonly #answerBuffers: BufferPool
  readonly #mergeBuffers: BufferPool
  /** What is followed sets it. */
  readonly #throttle = new Throttle(0, performance.now())
  readonly #membership: Membership
  readonly #holdings: Holdings
  readonly #routes: Routes
  readonly #saver: ProgressSaver
  readonly #watch: Watch
  readonly #facts: TargetFacts
  readonly #sourceLog: LogReader
  readonly #targetLog: LogReader
  readonly #ended = new AbortController()
  #partitions = new Map<PartitionKey, MirroredPartition>()
  #sealed: readonly Marked[] = []
  #counts: ReadonlyMap<TopicName, number> = new Map()
  #open: ReadonlyMap<TopicName, number> = new Map()
  readonly #kept = new Map<TopicName, number>()
  #subscribed = ''
  #wanted: ReadonlyMap<TopicName, number> = new Map()
  #lockWaitsFor: string | undefined
  #lockProblem: Diagnostic | undefined
  #timers: Promise<void>[] = []
  #stopping: Promise<void> | undefined

  constructor(options: MirrorOptions, internals: MirrorInternals) {
    this.#options = options
    const { source, target, timings, log } = options
    this.#sourceLog = new LogReader(source)
    this.#targetLog = new LogReader(target)
    this.#facts = new TargetFacts(target, log)
    const freshMs = () => this.#facts.freshMs
    this.#membership = new Membership({
      project: options.project,
      target,
      timings,
      clock: internals.clock ?? systemClock,
      log,
      events: {
        shared: (share) => {
          this.#lockWaitsFor = undefined
          this.#lockProblem = undefined
          this.#holdings.shared(share, this.#partitions.values())
          this.#limit()
        },
        drain: () => this.#holdings.drain(),
        lost: () => this.#holdings.lost(),
        beat: () => this.#routes.resume(),
        waiting: (why) => {
          this.#lockWaitsFor = why
        },
        denied: (problem) => {
          this.#lockProblem = problem
        },
      },
    })
    const cleaners = new Cleaners(source)
    const checker = new Checker({
      target,
      cleaners,
      sourceLog: this.#sourceLog,
      targetLog: this.#targetLog,
      timings,
      log,
      freshMs,
      maxBatchBytes: (p) => this.#facts.maxBatchBytes(p.topic),
      now: Date.now,
    })
    this.#watch = new Watch({
      target,
      sourceLog: this.#sourceLog,
      targetLog: this.#targetLog,
      isOtherSource: (p) => checker.isOtherSource(p),
      log,
    })
    const forAnswers = options.memoryBudget * ANSWERS_SHARE
    this.#answerBuffers = new BufferPool(forAnswers)
    this.#mergeBuffers = new BufferPool(options.memoryBudget - forAnswers)
    this.#routes = new Routes({
      source,
      target,
      sourceLog: this.#sourceLog,
      targetLog: this.#targetLog,
      fetcher: {
        budget: new Budget(forAnswers),
        buffers: this.#answerBuffers,
      },
      sender: {
        maySend: () => this.#membership.maySend(),
        targetEnd: (p) => this.#targetLog.end(p.key),
        throttle: this.#throttle,
        pool: this.#mergeBuffers,
        requestTimeoutMs: timings.requestTimeoutMs,
        freshMs,
        counters: this.counters,
        logStart: (p, offset) => {
          if (offset >= p.offsets.targetStart) return
          this.#watch.hideBelow(p, offset).catch((error) => this.#warn(String(error)))
        },
      },
    })
    const gaps = new GapSaver(options.progress, () => this.#membership.maySend())
    this.#saver = new ProgressSaver({
      store: options.progress,
      holder: (p) => {
        const { host, pid } = this.#membership.identity
        return { host, pid, generation: p.fence }
      },
      log,
    })
    const announcements = new Coalescer((asked: readonly MirroredPartition[]) =>
      this.#saver.announce(asked),
    )
    const mirrored = new Coalescer((asked: readonly MirroredPartition[]) =>
      stillMirrored(asked, options.decided),
    )
    const progress = new Coalescer((asked: readonly MirroredPartition[]) =>
      readProgressOf(asked, options.progress),
    )
    this.#holdings = new Holdings({
      ready: () => Promise.all([codecsReady(), this.#facts.refresh()]),
      save: (partitions) => this.#saver.save(partitions),
      saveWithinMs: timings.requestTimeoutMs,
      tend: {
        checker,
        routes: this.#routes,
        isOwn: ({ host, pid }) => {
          const own = this.#membership.identity
          return host === own.host && pid === own.pid
        },
        isStillMirrored: (of) => mirrored.ask(of),
        readProgress: (of) => progress.ask(of),
        announce: (of) => announcements.ask(of),
        storeGaps: (of) => gaps.save(of),
        generation: () => this.#membership.generation,
        log,
      },
    })
    const forGood = {
      signal: this.#ended.signal,
      warn: (message: string) => this.#warn(message),
    }
    const save = () => this.#saver.save(this.#holdings.held)
    const lookAfterLoss = () => this.#watch.lookAfterLoss(this.#routes.unlinked, this.#resting)
    const look = () => this.#watch.look(this.#holdings.tended, this.#resting, this.#counts)
    this.#timers = [
      every(internals.saveEveryMs ?? 2_000, save, forGood),
      every(AFTER_LOSS_MS, lookAfterLoss, { ...forGood, longestRestMs: AFTER_LOSS_MS }),
      every(LISTEN_MS, () => cleaners.look(this.#holdings.tended, Date.now), forGood),
      every(internals.watchEveryMs ?? 60_000, look, forGood),
    ]
  }

  get bufferBytes(): number {
    return this.#answerBuffers.bytes + this.#mergeBuffers.bytes
  }

  follow(migrations: readonly MirroredMigration[]): void {
    if (this.#stopping !== undefined) return
    const wanted = new Map<PartitionKey, MirroredPartition>()
    const counts = new Map<TopicName, number>()
    const open = new Map<TopicName, number>()
    const closed: Marked[] = []
    for (const { migration, marks, seals, acceptedGaps = [], cleaned = [] } of migrations) {
      const sealed = new Map(seals.map((seal) => [partitionKey(seal.topic, seal.partition), seal]))
      for (const mark of marks) {
        const p = this.#partitionOf(migration, mark)
        const known = cleaned.find(({ topic }) => topic === p.topic)
        if (known !== undefined) p.hearing?.knowCleaned(known)
        const mayGoOn = p.accept(acceptedOf(mark, acceptedGaps)) && p.state === 'stopped'
        if (mayGoOn) this.#holdings.again(p)
        counts.set(p.topic, Math.max(counts.get(p.topic) ?? 0, p.partition + 1))
        const seal = sealed.get(p.key)
        if (seal !== undefined) {
          closed.push({ key: p.key, mark, copiedTo: Number(seal.targetEnd) })
          continue
        }
        wanted.set(p.key, p)
        open.set(p.topic, Math.max(open.get(p.topic) ?? 0, p.partition + 1))
      }
    }
    for (const [key, p] of this.#partitions) {
      if (wanted.get(key) !== p) void this.#holdings.letGo(p).then(() => this.#saver.save([p]))
    }
    this.#partitions = wanted
    this.#sealed = closed
    this.#counts = counts
    for (const p of wanted.values()) this.#holdings.place(p)
    this.#limit()
    this.#open = open
    this.#subscribe()
  }

  #subscribe(): void {
    const wanted = new Map(this.#open)
    for (const [topic, count] of this.#kept) {
      wanted.set(topic, Math.max(count, wanted.get(topic) ?? 0))
    }
    const subscribed = JSON.stringify([...wanted].sort())
    if (subscribed === this.#subscribed) return
    this.#subscribed = subscribed
    this.#wanted = wanted
    this.#membership.subscribe(wanted)
  }

  keep(topic: TopicName, partitions: number): KeptLock {
    this.#kept.set(topic, partitions)
    this.#subscribe()
    const keys = Array.from({ length: partitions }, (_, each) => partitionKey(topic, each))
    const parts = {
      membership: this.#membership,
      holdings: this.#holdings,
      targetLog: this.#targetLog,
      settleMs: this.#options.timings.requestTimeoutMs,
      nudge: () => this.#membership.subscribe(this.#wanted),
    }
    return {
      taken: (signal) => untilTaken(keys, parts, AbortSignal.any([signal, this.#ended.signal])),
      release: () => {
        if (!this.#kept.delete(topic) || this.#stopping !== undefined) return
        this.#subscribe()
      },
    }
  }

  reports(): readonly PartitionReport[] {
    return [...this.#partitions.values()].map((p) => reportOf(p, this.#lockWaitsFor))
  }

  facts(): MirrorFacts {
    const nothing = this.#subscribed === '' || this.#subscribed === '[]'
    const waits = this.#holdings.isMember ? 'held' : 'waiting'
    return {
      lock: nothing ? 'none' : waits,
      ...(this.#lockWaitsFor !== undefined && { lockWaitsFor: this.#lockWaitsFor }),
      ...(this.#lockProblem !== undefined && { lockProblem: this.#lockProblem }),
      counters: this.counters,
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    // Drains, saves and leaves, in this order.
    await this.#membership.stop()
    this.#ended.abort()
    await Promise.allSettled(this.#timers)
    await this.#holdings.letAllGo()
    await this.#routes.close()
    await Promise.all([this.#sourceLog.close(), this.#targetLog.close()])
  }

  /** What nobody copies any more. */
  get #resting(): readonly Marked[] {
    const stopped = [...this.#partitions.values()].filter((p) => p.state === 'stopped')
    return [...this.#sealed, ...stopped.map(markedOf)]
  }

  #limit(): void {
    const shared = [...this.#partitions.values()].map(({ migration, key }) => ({
      migration,
      isHeld: this.#holdings.holds(key),
    }))
    this.#throttle.limit(shareOfLimits(shared, this.#options.throttle))
  }

  #partitionOf(migration: string, mark: Mark): MirroredPartition {
    const p = new MirroredPartition(migration, mark, this.counters)
    const known = this.#partitions.get(p.key)
    const isSame = known?.migration === migration && known.mark.producerId === mark.producerId
    return isSame ? known : p
  }

  #warn(message: string): void {
    this.#options.log({ level: 'warn', message })
  }
}
