import { maxBatchBytes } from '../domain/batch-limit.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Cluster, ConfigEntry } from '../kafka/cluster.ts'
import { Coalescer } from './coalescer.ts'
import type { MirrorLog } from './mirror.ts'

/** Younger than this, a record's producer is remembered by any broker with sensible settings. */
const MOST_FRESH_MS = 60 * 60 * 1000
const REFRESH_MS = 60_000

/** Settings of the target that decide how records are sent. */
export class TargetFacts {
  readonly #target: Pick<
    Cluster,
    'describeCluster' | 'describeBrokerConfigs' | 'describeTopicConfigs'
  >
  readonly #log: MirrorLog
  readonly #configs: Coalescer<TopicName, ReadonlyMap<string, ConfigEntry>>
  #freshMs = 0
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(
    target: Pick<Cluster, 'describeCluster' | 'describeBrokerConfigs' | 'describeTopicConfigs'>,
    log: MirrorLog,
  ) {
    this.#target = target
    this.#log = log
    this.#configs = new Coalescer((names) => target.describeTopicConfigs(names))
  }

  /**
   * A record younger than this is sure to be remembered with its producer id and sequence, because a broker forgets them by the record's
   * time. 0 until it is known: then nothing is sure, and one batch at a time is sent.
   */
  get freshMs(): number {
    return this.#freshMs
  }

  /** Reads the settings if it is some time since. Never rejects. */
  refresh(): Promise<void> {
    if (performance.now() - this.#readAt < REFRESH_MS) return Promise.resolve()
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<void> {
    try {
      const { brokers } = await this.#target.describeCluster()
      const configs = await this.#target.describeBrokerConfigs(brokers[0]!.nodeId)
      // Before 3.4 the transactional one served for both.
      const names = ['producer.id.expiration.ms', 'transactional.id.expiration.ms']
      const value = names.map((name) => configs.get(name)?.value).find((v) => v != null)
      const expiresMs = Number(value)
      // A quarter: for clocks that differ, and batches that wait.
      this.#freshMs = expiresMs > 0 ? Math.min(MOST_FRESH_MS, expiresMs / 4) : 0
      this.#readAt = performance.now()
    } catch (error) {
      this.#freshMs = 0
      const why = error instanceof Error ? error.message : String(error)
      this.#log({
        level: 'debug',
        message: `the target does not say how long it remembers producers, so one batch is in flight per partition: ${why}`,
      })
    }
  }

  /** The largest batch that the topic takes; infinite where it cannot be read, so that the broker judges. */
  async maxBatchBytes(topic: TopicName): Promise<number> {
    try {
      return maxBatchBytes(await this.#configs.ask(topic))
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }
}
