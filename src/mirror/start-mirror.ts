import type { Diagnostic } from '../domain/diagnostic.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import { codecsReady } from '../records/index.ts'
import { Budget } from './budget.ts'
import { BufferPool } from './buffer-pool.ts'
import { Checker } from './check.ts'
import { Cleaners } from './cleaners.ts'
import { type Clock, systemClock } from './clock.ts'
import { Coalescer } from './coalescer.ts'
import { every } from './every.ts'
import { Following } from './following.ts'
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
import type { MirroredPartition } from './partition.ts'
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
  readonly #following = new Following(this.counters)
  #subscribed = ''
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
          this.#holdings.shared(share, this.#following.partitions)
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
    const lookAfterLoss = () =>
      this.#watch.lookAfterLoss(this.#routes.unlinked, this.#following.resting)
    const look = () =>
      this.#watch.look(this.#holdings.tended, this.#following.resting, this.#following.marked)
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
    const { gone, again } = this.#following.follow(migrations)
    for (const p of again) this.#holdings.again(p)
    for (const p of gone) void this.#holdings.letGo(p).then(() => this.#saver.save([p]))
    for (const p of this.#following.partitions) this.#holdings.place(p)
    this.#limit()
    this.#subscribe()
  }

  #subscribe(): void {
    const { wanted } = this.#following
    const subscribed = JSON.stringify([...wanted].sort())
    if (subscribed === this.#subscribed) return
    this.#subscribed = subscribed
    this.#membership.subscribe(wanted)
  }

  keep(topic: TopicName, partitions: number): KeptLock {
    this.#following.keep(topic, partitions)
    this.#subscribe()
    const keys = Array.from({ length: partitions }, (_, each) => partitionKey(topic, each))
    const parts = {
      membership: this.#membership,
      holdings: this.#holdings,
      targetLog: this.#targetLog,
      settleMs: this.#options.timings.requestTimeoutMs,
      nudge: () => this.#membership.subscribe(this.#following.wanted),
    }
    return {
      taken: (signal) => untilTaken(keys, parts, AbortSignal.any([signal, this.#ended.signal])),
      release: () => {
        if (!this.#following.release(topic) || this.#stopping !== undefined) return
        this.#subscribe()
      },
    }
  }

  reports(): readonly PartitionReport[] {
    return this.#following.partitions.map((p) => reportOf(p, this.#lockWaitsFor))
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

  #limit(): void {
    const shared = this.#following.partitions.map(({ migration, key }) => ({
      migration,
      isHeld: this.#holdings.holds(key),
    }))
    this.#throttle.limit(shareOfLimits(shared, this.#options.throttle))
  }

  #warn(message: string): void {
    this.#options.log({ level: 'warn', message })
  }
}
