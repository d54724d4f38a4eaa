import { diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import { hidesBelow } from '../domain/mark.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { isOther } from './check.ts'
import { type LogReader, raiseLogStart } from './log-reader.ts'
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
  readonly #deleting = new Set<MirroredPartition>()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  async look(
    partitions: readonly MirroredPartition[],
    counts: ReadonlyMap<TopicName, number>,
  ): Promise<void> {
    const flowing = partitions.filter((p) => p.flowing)
    const looks = [
      ...flowing.map((p) => this.#lookAtTarget(p)),
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
   * leader answers.
   */
  async lookAfterLoss(partitions: readonly MirroredPartition[]): Promise<void> {
    await Promise.allSettled(
      partitions.map(async (p) => {
        const { tenure } = p
        if (!p.flowing || !hidesBelow(p.mark) || this.#seenAfterLoss.get(p) === tenure) return
        await this.#lookAtTarget(p)
        this.#seenAfterLoss.set(p, tenure)
      }),
    )
  }

  /** Deletes again what a crash of the target broker brought back below the mark. */
  async hideBelow(p: MirroredPartition, start: number): Promise<void> {
    if (!hidesBelow(p.mark) || start >= p.offsets.targetStart || this.#deleting.has(p)) return
    this.#deleting.add(p)
    try {
      const topic = await this.#options.targetLog.topic(p.topic)
      if (topic === 'absent' || isOther(p.mark.targetTopicId, topic.topicId)) {
        p.end({ why: 'the target topic is another one', uncertain: false })
        return
      }
      const message = `${p.key}: the target's log start went back to ${start}; deleting below ${p.offsets.targetStart} again`
      this.#options.log({ level: 'warn', message })
      await raiseLogStart(
        this.#options.target,
        this.#options.targetLog,
        p.key,
        p.offsets.targetStart,
      )
    } finally {
      this.#deleting.delete(p)
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
