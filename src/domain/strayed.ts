import { type PartitionKey, parsePartitionKey } from './ids.ts'
import { type GroupSync, takesBack, writtenBy } from './moved-groups.ts'
import type { MigrationState } from './state.ts'
import { placesOf } from './state-places.ts'

/** One partition in which a group does not stand where the sync left it. */
export interface Strayed {
  readonly key: PartitionKey
  /** Where the sync took it from, or put it; undefined: it had no position there. */
  readonly synced: bigint | undefined
  /** Undefined: it has none any more. */
  readonly now: bigint | undefined
}

export interface StrayedOnSource extends Strayed {
  /** Where Ferry last knew it to be right: as synced, or as a rollback put it back since. */
  readonly left: bigint | undefined
  readonly now: bigint
  /** The partition was marked after the sync, and is no part of it yet. */
  readonly cameSince: boolean
}

/**
 * Where a group has committed on the source since its sync. Not where it has no position any more, as that expires where nobody reads, nor
 * where a rollback has put it, or was about to. Pure.
 */
export function* strayedOnSource(
  state: Pick<MigrationState, 'marks' | 'seals' | 'returns'>,
  sync: GroupSync,
  here: ReadonlyMap<PartitionKey, { readonly offset: bigint }> = new Map(),
): Generator<StrayedOnSource> {
  const { marks } = placesOf(state)
  const returned = state.returns.find((r) => takesBack(r, sync))
  for (const [key, { offset }] of here) {
    if (!marks.has(key)) continue
    const position = writtenBy(sync, key)
    const synced = position?.rewoundFrom ?? position?.source
    const back = returned?.positions.get(key)?.source
    if (offset === synced || offset === back) continue
    const left = returned?.status === 'done' ? (back ?? synced) : synced
    const cameSince = position === undefined && !wasMarked(sync, key)
    yield { key, synced, left, now: offset, cameSince }
  }
}

const wasMarked = ({ marked }: GroupSync, key: PartitionKey): boolean => {
  const { topic, partition } = parsePartitionKey(key)
  return marked === undefined || partition < (marked.get(topic) ?? 0)
}

/** `offsets 600 to 649 of orders:0`, both included. */
export const nameStray = ({ key, left, now }: StrayedOnSource): string => {
  if (left === undefined) return `${key}, where it had no position and is at ${now} now`
  if (now < left) return `${key}, where it was set back from ${left} to ${now}`
  return now - left === 1n ? `offset ${left} of ${key}` : `offsets ${left} to ${now - 1n} of ${key}`
}
