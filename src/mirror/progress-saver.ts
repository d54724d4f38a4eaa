import type { Answers } from '../domain/answers.ts'
import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import { type PartitionProgress, SpokenFor } from '../domain/partition-progress.ts'
import { STATE_FORMAT_VERSION } from '../domain/state.ts'
import { checkedToOf, divergedOf, mirroredToOf } from './how-far.ts'
import type { MirrorLog, ProgressStore } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'
import { isSameProgress, isTold, type SavedProgress } from './saved-progress.ts'

export interface SaverOptions {
  readonly store: ProgressStore
  readonly holder: (p: MirroredPartition) => PartitionProgress['holder']
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

  /**
   * Says in the store that batches of these may be on their way from now on. Must have returned before the first is sent: whoever finds no
   * such word does not wait for stragglers. What could not be written is missing in the answer.
   */
  async announce(
    partitions: readonly MirroredPartition[],
  ): Promise<Answers<MirroredPartition, void>> {
    for (const p of partitions) p.mayBeInFlight = true
    await this.save(partitions)
    const written = partitions.filter(isTold)
    return { ok: new Map(written.map((p) => [p, undefined])), failed: new Map() }
  }

  async #save(partitions: readonly MirroredPartition[]): Promise<void> {
    const changed = new Map<string, MirroredPartition[]>()
    for (const p of partitions) {
      if (p.checkedTo < 0 && p.problem === undefined && !p.mayBeInFlight) continue
      if (isSameProgress(savedOf(p), p.saved)) continue
      const list = changed.get(p.migration)
      if (list === undefined) changed.set(p.migration, [p])
      else list.push(p)
    }
    for (const [migration, list] of changed) {
      const progress = list.map((p) => this.#progressOf(p))
      const told = list.map((p) => [p, savedOf(p)] as const)
      try {
        await this.#options.store.writeProgress(migration, progress)
        for (const [p, saved] of told) p.saved = saved
      } catch (error) {
        // The others stand: who takes them for not told would wait with them.
        if (error instanceof SpokenFor) {
          for (const [p, saved] of told) if (!error.isOf(nameOf(p))) p.saved = saved
        }
        const why = error instanceof Error ? error.message : String(error)
        this.#options.log({
          level: 'warn',
          message: `progress of ${migration} was not saved: ${why}`,
        })
      }
    }
  }

  #progressOf(p: MirroredPartition): PartitionProgress {
    return {
      formatVersion: STATE_FORMAT_VERSION,
      topic: p.topic,
      partition: p.partition,
      ...(p.mark.way && { way: p.mark.way }),
      producerId: p.mark.producerId,
      checkedTo: BigInt(checkedToOf(p)) as TargetOffset,
      mirroredTo: BigInt(mirroredToOf(p)) as SourceOffset,
      gaps: p.offsets.gaps,
      diverged: divergedOf(p),
      mayBeInFlight: p.inDoubt,
      problem: p.problem ?? null,
      ...(p.hearing?.heard && { heard: p.hearing.heard }),
      holder: this.#options.holder(p),
      at: new Date().toISOString(),
    }
  }
}

const nameOf = ({ topic, partition, mark: { way } }: MirroredPartition) => ({
  topic,
  partition,
  way,
})

const savedOf = (p: MirroredPartition): SavedProgress => ({
  checkedTo: p.checkedTo,
  mirroredTo: mirroredToOf(p),
  inDoubt: p.inDoubt,
  fence: p.fence,
  problem: p.problem,
  heard: p.hearing?.heard,
  diverged: divergedOf(p),
})

/** The stored progress of many partitions, one read for each migration and way. */
export const readProgressOf = async (
  asked: readonly MirroredPartition[],
  store: ProgressStore,
): Promise<Answers<MirroredPartition, PartitionProgress | undefined>> => {
  const reads = new Map<string, ReturnType<ProgressStore['readProgress']>>()
  const ok = new Map<MirroredPartition, PartitionProgress | undefined>()
  for (const p of asked) {
    const { way } = p.mark
    const name = `${way ?? ''}/${p.migration}`
    const read = reads.get(name) ?? store.readProgress(p.migration, way)
    reads.set(name, read)
    ok.set(p, (await read).get(p.key))
  }
  return { ok, failed: new Map() }
}
