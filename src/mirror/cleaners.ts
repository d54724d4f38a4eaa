import { DELETE_RETENTION_MS } from '../domain/heard.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Cluster, ConfigEntry } from '../kafka/cluster.ts'
import { Coalescer } from './coalescer.ts'
import type { CleanerFacts, Forgotten } from './hearing.ts'
import { mirroredToOf } from './how-far.ts'
import type { MirroredPartition } from './partition.ts'
import { forgottenDeletions } from './problems.ts'

/** Asks the cluster that is read from how long tombstones are kept there, and what that means for what is mirrored back. */
export class Cleaners {
  readonly #configs: Coalescer<TopicName, ReadonlyMap<string, ConfigEntry>>

  constructor(source: Pick<Cluster, 'describeTopicConfigs'>) {
    this.#configs = new Coalescer((names) => source.describeTopicConfigs(names))
  }

  /** Before anything is sent. Whoever may not read the settings knows nothing, and says nothing. */
  async check(
    p: MirroredPartition,
    { end, at, copiedTo }: { readonly end: number; readonly at: number; readonly copiedTo: number },
    now: () => number,
  ): Promise<Forgotten | undefined> {
    const { hearing } = p
    if (hearing === undefined) return undefined
    const facts = await this.#factsOf(p.topic)
    if (facts === undefined) return undefined
    hearing.looked(end, at)
    return hearing.judge(copiedTo, facts, now())
  }

  /** Every now and then, of what flows: one request for all topics. */
  async look(partitions: readonly MirroredPartition[], now: () => number): Promise<void> {
    await Promise.all(
      partitions.map(async (p) => {
        const { hearing, tenure } = p
        if (hearing === undefined || !p.flowing) return
        // Before the policy is asked: what is copied while it may be changing already does not count.
        const copiedTo = mirroredToOf(p)
        const facts = await this.#factsOf(p.topic)
        if (facts === undefined || p.tenure !== tenure || !p.flowing) return
        const forgotten = hearing.judge(copiedTo, facts, now())
        if (forgotten === undefined) return
        const problem = forgottenDeletions(p.key, forgotten)
        p.end({ why: problem.detail, uncertain: false, problem })
      }),
    )
  }

  async #factsOf(topic: TopicName): Promise<CleanerFacts | undefined> {
    try {
      const configs = await this.#configs.ask(topic)
      const kept = configs.get('delete.retention.ms')?.value ?? String(DELETE_RETENTION_MS)
      return {
        isCompacted: configs.get('cleanup.policy')?.value?.includes('compact') ?? false,
        keptMs: Math.min(Number(kept), Number.MAX_SAFE_INTEGER),
      }
    } catch {
      return undefined
    }
  }
}
