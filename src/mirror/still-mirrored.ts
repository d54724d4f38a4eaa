import type { Answers } from '../domain/answers.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MirrorOptions } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'

/** Of partitions whose lock was got, those that the decisions, read now, still want copied under the same mark. */
export const stillMirrored = async (
  asked: readonly MirroredPartition[],
  decided: MirrorOptions['decided'],
): Promise<Answers<MirroredPartition, boolean>> => {
  const ok = new Map(asked.map((p) => [p, decided === undefined]))
  if (decided === undefined) return { ok, failed: new Map() }
  for (const migration of new Set(asked.map((p) => p.migration))) {
    const { marks, seals } = placesOf((await decided(migration)) ?? { marks: [], seals: [] })
    for (const p of asked) {
      if (p.migration !== migration) continue
      const isMarked = marks.get(p.key)?.producerId === p.mark.producerId
      ok.set(p, isMarked && !seals.has(p.key))
    }
  }
  return { ok, failed: new Map() }
}
