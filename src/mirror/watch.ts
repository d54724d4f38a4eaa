import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../domain/ids.ts'
import { hidesBelow } from '../domain/mark.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { hideBelowMark, type Marked } from './below-mark.ts'
import { markedOf } from './how-far.ts'
import type { LogReader } from './log-reader.ts'
import type { MirrorLog } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'

export interface WatchOptions {
  readonly target: Pick<Cluster, 'deleteRecords'>
  readonly sourceLog: LogReader
  readonly targetLog: LogReader
  /** Whether the source topic of a partition is another one by now. */
  readonly isOtherSource: (p: MirroredPartition) => Promise<boolean>
  readonly log: MirrorLog
}

/**
 * What is looked at every minute beside the flow: what came back below a mark, somebody else's records behind an idle partition, a source topic
 * that was created anew, new partitions of it.
 */
export class Watch {
  readonly #options: WatchOptions
  readonly #grown = new Map<TopicName, number>()
  readonly #seenAfterLoss = new WeakMap<MirroredPartition, number>()
  readonly #seenResting = new Set<PartitionKey>()
  readonly #told = new Map<PartitionKey, string>()
  readonly #clearedFor = new WeakMap<MirroredPartition, number>()
  readonly #deleting = new Set<PartitionKey>()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** `resting`: what nobody copies, since it is sealed or has stopped; what lies below its mark comes back all the same. */
  async look(
    partitions: readonly MirroredPartition[],
    resting: readonly Marked[],
    counts: ReadonlyMap<TopicName, number>,
  ): Promise<void> {
    const flowing = partitions.filter((p) => p.flowing)
    const looks = [
      ...flowing.map((p) => this.#lookAtTarget(p)),
      this.#lookAtResting(resting),
      this.#lookAtSources(flowing),
      ...[...counts].map(([topic, count]) => this.#lookForPartitions(topic, count)),
    ]
    for (const result of await Promise.allSettled(looks)) {
      if (result.status === 'rejected') {
        this.#options.log({ level: 'debug', message: `watching: ${String(result.reason)}` })
      }
    }
  }

  /**
   * A broker that went away may have forgotten a log start: each partition is looked at once after its connection was lost, as soon as its
   * leader answers. So are all that nobody copies: those have no connection that could be lost, and are looked at when they are new, too.
   */
  async lookAfterLoss(
    partitions: readonly MirroredPartition[],
    resting: readonly Marked[] = [],
  ): Promise<void> {
    const lost = partitions.filter(
      (p) => p.flowing && hidesBelow(p.mark) && this.#seenAfterLoss.get(p) !== p.tenure,
    )
    // Once for each loss: a leader may be down for long.
    if (lost.some((p) => this.#clearedFor.get(p) !== p.tenure)) this.#seenResting.clear()
    for (const p of lost) this.#clearedFor.set(p, p.tenure)
    await Promise.allSettled([
      this.#lookAtResting(resting.filter(({ key }) => !this.#seenResting.has(key))),
      ...lost.map(async (p) => {
        const { tenure } = p
        await this.#lookAtTarget(p)
        this.#seenAfterLoss.set(p, tenure)
      }),
    ])
  }

  /** Deletes again what a crash of the target broker brought back below the mark. */
  async hideBelow(p: MirroredPartition, start: number): Promise<void> {
    if (!hidesBelow(p.mark) || start >= p.offsets.targetStart) return
    const problem = await this.#hide(markedOf(p))
    // The check that follows says so.
    if (problem) p.end({ why: problem.detail, uncertain: false })
  }

  async #lookAtResting(resting: readonly Marked[]): Promise<void> {
    await Promise.allSettled(
      resting.map(async (each) => {
        const { key, mark } = each
        try {
          const isBack =
            hidesBelow(mark) && (await this.#options.targetLog.ends(key)).start < mark.targetStart
          if (isBack) this.#tell(key, await this.#hide(each))
          this.#seenResting.add(key)
        } catch (error) {
          // Its topic is gone, say: not asked for again before the next minute.
          if (error instanceof FerryError && !error.retriable) this.#seenResting.add(key)
          this.#say(key, String(error))
        }
      }),
    )
  }

  /** Once: nothing stops for it. */
  #tell(key: PartitionKey, problem: Diagnostic | undefined): void {
    if (problem === undefined) return
    const { code, detail, fix } = problem
    this.#say(key, `${code} ${detail} ${fix}`, 'error')
  }

  #say(key: PartitionKey, message: string, level: 'warn' | 'error' = 'warn'): void {
    if (this.#told.get(key) === message) return
    this.#told.set(key, message)
    this.#options.log({ level, message: level === 'warn' ? `${key}: ${message}` : message })
  }

  async #hide(each: Marked): Promise<Diagnostic | undefined> {
    const { key, mark } = each
    if (this.#deleting.has(key)) return undefined
    this.#deleting.add(key)
    try {
      // Another look may have been quicker.
      const { problem, wasBack } = await hideBelowMark(each, this.#options)
      const message = `${key}: the target's log start went back; deleted below ${mark.targetStart} again`
      if (wasBack) this.#options.log({ level: 'warn', message })
      return problem
    } finally {
      this.#deleting.delete(key)
    }
  }

  async #lookAtTarget(p: MirroredPartition): Promise<void> {
    const { tenure, sendBase } = p
    const isIdle = p.inFlight.count === 0 && p.queue.bytes === 0 && !p.padding
    const { start, end } = await this.#options.targetLog.ends(p.key)
    if (p.tenure !== tenure || !p.flowing) return
    await this.hideBelow(p, start)
    // Only what was the same before and after the question says something about the answer.
    const wasIdle = isIdle && p.inFlight.count === 0 && !p.padding && p.sendBase === sendBase
    if (wasIdle && p.flowing && end !== sendBase) {
      p.end({ why: `the target log ends at ${end} instead of ${sendBase}`, uncertain: false })
    }
  }

  async #lookAtSources(flowing: readonly MirroredPartition[]): Promise<void> {
    const [named, withId] = [
      flowing.filter(({ mark }) => mark.sourceTopicId === undefined),
      flowing.filter(({ mark }) => mark.sourceTopicId !== undefined),
    ]
    await Promise.all(withId.map((p) => this.#lookAtSource(p)))
    // Batches are read for these: one at a time, for the memory they take.
    for (const p of named) await this.#lookAtSource(p)
  }

  /** A Fetch that names the topic by its id hears of it at once; brokers before 3.1 know only names. */
  async #lookAtSource(p: MirroredPartition): Promise<void> {
    const { tenure } = p
    if (!(await this.#options.isOtherSource(p)) || p.tenure !== tenure || !p.flowing) return
    p.end({ why: 'the source topic is another one', uncertain: false })
  }

  async #lookForPartitions(topic: TopicName, marked: number): Promise<void> {
    const source = await this.#options.sourceLog.topic(topic)
    if (source === 'absent' || source.partitions.length <= marked) return
    if (this.#grown.get(topic) === source.partitions.length) return
    this.#grown.set(topic, source.partitions.length)
    const { code, detail, fix } = diagnostic({
      code: 'FERRY1610',
      severity: 'warning',
      detail: `${topic} has ${source.partitions.length} partitions on the source, ${marked} were marked; the new ones are not mirrored.`,
      fix: 'Plan and apply again: the new partitions are created and marked.',
    })
    this.#options.log({ level: 'warn', message: `${code} ${detail} ${fix}` })
  }
}
