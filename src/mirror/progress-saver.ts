import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import { type PartitionProgress, STATE_FORMAT_VERSION } from '../domain/state.ts'
import type { MirrorLog, ProgressStore } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'

export interface SaverOptions {
  readonly store: ProgressStore
  readonly holder: () => PartitionProgress['holder']
  readonly log: MirrorLog
}

/** Writes how far each partition was checked, where that changed. Losing a write costs a longer check at the next start. */
export class ProgressSaver {
  readonly #options: SaverOptions
  #last: Promise<void> = Promise.resolve()

  constructor(options: SaverOptions) {
    this.#options = options
  }

  /** One write after the other, one for each migration that has something new. */
  save(partitions: Iterable<MirroredPartition>): Promise<void> {
    const held = [...partitions]
    this.#last = this.#last.then(() => this.#save(held))
    return this.#last
  }

  async #save(partitions: readonly MirroredPartition[]): Promise<void> {
    const changed = new Map<string, MirroredPartition[]>()
    for (const p of partitions) {
      if (p.checkedTo < 0 && p.problem === undefined) continue
      if (p.checkedTo === p.savedTo && p.problem === p.savedProblem) continue
      const list = changed.get(p.migration)
      if (list === undefined) changed.set(p.migration, [p])
      else list.push(p)
    }
    for (const [migration, list] of changed) {
      const progress = list.map((p) => this.#progressOf(p))
      const saved = list.map((p) => ({ p, checkedTo: p.checkedTo, problem: p.problem }))
      try {
        await this.#options.store.writeProgress(migration, progress)
        for (const { p, checkedTo, problem } of saved) {
          p.savedTo = checkedTo
          p.savedProblem = problem
        }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        this.#options.log({
          level: 'warn',
          message: `progress of ${migration} was not saved: ${why}`,
        })
      }
    }
  }

  #progressOf(p: MirroredPartition): PartitionProgress {
    const checkedTo = Math.max(p.checkedTo, p.targetStart)
    return {
      formatVersion: STATE_FORMAT_VERSION,
      topic: p.topic,
      partition: p.partition,
      producerId: p.mark.producerId,
      checkedTo: BigInt(checkedTo) as TargetOffset,
      mirroredTo: BigInt(p.sourceOf(checkedTo)) as SourceOffset,
      gaps: [],
      problem: p.problem ?? null,
      holder: this.#options.holder(),
      at: new Date().toISOString(),
    }
  }
}
