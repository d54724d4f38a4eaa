import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { Migration } from '../domain/migration.ts'
import type { MigrationState, Reverse } from '../domain/state.ts'
import { humanSeconds } from './_words.ts'
import { logEnds } from './log-ends.ts'
import { mirrorPatienceMs } from './mirror-patience.ts'
import type { Outcome, Run } from './step-kind.ts'

type Seals = Pick<Reverse, 'seals' | 'sealing'>

export interface SealUnderLock {
  readonly topic: TopicName
  readonly seals: readonly Seal[]
  /** The run as the way that is sealed sees it. */
  readonly view: Run
  /** Writes the seals of that way. */
  decide(change: (now: Seals) => Required<Seals>): Promise<void>
}

/**
 * Seals a topic so that no record can come behind the seal by a mirror that has yet to hear of it.
 *
 * 1. Store the seals as not confirmed: every mirror lets the topic go, and none that gets its lock later begins to copy it.
 * 2. Hold the lock on all its partitions, and wait out what is still on its way: from here on nobody copies it.
 * 3. Read both ends again. Where they are those of the seals, confirm them.
 * 4. Else take them back: what came meanwhile, be it copied or not, is mirrored and counted as ever, and the gate is waited for anew.
 *
 * After a crash before 3 the next run takes them back.
 */
export const sealUnderLock = async (parts: SealUnderLock): Promise<Outcome | undefined> => {
  const { topic, seals, view, decide } = parts
  const others = (of: readonly Seal[] | undefined) => (of ?? []).filter((s) => s.topic !== topic)
  const mirror = await view.mirror()
  // Before they are stored: else the partitions would be given to somebody else in between.
  const lock = mirror.keep(topic, seals.length)
  let isOpen = true
  try {
    await decide((now) => ({
      seals: others(now.seals),
      sealing: [...others(now.sealing), ...seals],
    }))
    view.report(`waits until every mirror has let go of ${topic}`)
    if (!(await isTaken(lock.taken, view))) return notLetGo(topic, view)
    const moved = await movedSince(seals, view)
    if (moved !== undefined) return { done: false, again: moved }
    await decide((now) => ({
      seals: [...others(now.seals), ...seals],
      sealing: others(now.sealing),
    }))
    isOpen = false
    return undefined
  } finally {
    // Also where that cannot be written: a lock that is kept would keep every mirror from copying.
    try {
      if (isOpen) {
        await decide((now) => ({ seals: others(now.seals), sealing: others(now.sealing) }))
      }
    } finally {
      lock.release()
    }
  }
}

/** Seals that nobody has confirmed: whoever stored them is at it, or has died. Mirrors copy nothing of these topics meanwhile. Pure. */
export const unconfirmedSeals = (
  { name }: Pick<Migration, 'name'>,
  { sealing = [], reverse }: Pick<MigrationState, 'sealing' | 'reverse'>,
): readonly Diagnostic[] => {
  const topics = new Set([...sealing, ...(reverse.sealing ?? [])].map(({ topic }) => topic))
  return [...topics].sort().map((topic) =>
    diagnostic({
      code: 'FERRY1706',
      severity: 'warning',
      detail: `${topic} is being sealed, or whoever sealed it has died in between: nothing of it is mirrored until the seal is confirmed or taken back.`,
      fix: `If no apply of it runs, run \`ferry apply ${name}\` (or the rollback again): it takes the seal back, copies what has come since and seals anew.`,
    }),
  )
}

/** False: not within the time that gates are waited for, and at least two sessions. */
const isTaken = async (
  taken: (signal: AbortSignal) => Promise<void>,
  run: Run,
): Promise<boolean> => {
  const late = AbortSignal.timeout(mirrorPatienceMs(run))
  try {
    await taken(AbortSignal.any([run.signal, late]))
    return true
  } catch (error) {
    if (late.aborted && !run.signal.aborted) return false
    throw error
  }
}

const notLetGo = (topic: TopicName, { clusters, gateTimeoutMs }: Run): Outcome => ({
  done: false,
  problem: diagnostic({
    code: 'FERRY1501',
    detail: `A mirror on ${clusters.target.name} has not let go of ${topic} for ${humanSeconds(gateTimeoutMs / 1000)}: what it may still copy could come behind the seal, which was taken back.`,
    fix: 'See to it that every `ferry mirror` of the project can read the state store (or stop it), then apply again.',
  }),
})

/** Why the seals do not fit any more: the ends as the leaders themselves tell, also what is not replicated yet. */
const movedSince = async (
  seals: readonly Seal[],
  { clusters: { source, target } }: Run,
): Promise<string | undefined> => {
  const both = await Promise.all([logEnds(source, seals), logEnds(target, seals)]).catch(
    (error: unknown) => {
      if (error instanceof FerryError && error.retriable) return error.diagnostics[0]!.detail
      throw error
    },
  )
  if (typeof both === 'string') return both
  const [here, there] = both
  for (const { topic, partition, sourceEnd, targetEnd } of seals) {
    const key = partitionKey(topic, partition)
    for (const [cluster, sealed, now] of [
      [source, sourceEnd, here.get(key)!],
      [target, targetEnd, there.get(key)!],
    ] as const) {
      if (now === sealed) continue
      return `${key} on ${cluster.name} ends at ${now}, no longer at ${sealed}: the seal was taken back`
    }
  }
  return undefined
}
