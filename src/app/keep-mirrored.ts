import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { Migration } from '../domain/migration.ts'
import {
  DEFAULT_MEMORY_BUDGET,
  type MirroredMigration,
  type MirrorFacts,
  type MirrorLog,
  type MirrorTimings,
  type MirrorWithFacts,
  type PartitionReport,
} from '../mirror/mirror.ts'
import { Wake } from '../mirror/wait.ts'
import type { MirrorResult } from '../views/mirror.ts'
import { mirroredNow } from './mirrored-now.ts'
import type { Session } from './open-session.ts'
import { CommitRenewer } from './renew-commits.ts'
import type { Services } from './services.ts'

/** How often new marks and seals are looked for: what apply decides is followed within this time. */
const FOLLOW_EVERY_MS = 2000

export interface KeepMirroredOptions {
  readonly services: Services
  readonly timings: MirrorTimings
  readonly log: MirrorLog
  /** Called at every look. */
  readonly look: (look: MirrorLook) => void
  /** Ends the mirroring, cleanly. */
  readonly signal: AbortSignal
}

/** How everything that is mirrored is at one moment. */
export interface MirrorLook {
  /** All partitions of all pairs of clusters. */
  readonly reports: readonly PartitionReport[]
  readonly mirrors: readonly {
    readonly source: string
    readonly target: string
    readonly facts: MirrorFacts
  }[]
  /** Why the decisions of some migrations could not be read now; what was read before is followed meanwhile. */
  readonly unread: readonly Diagnostic[]
  /** What stops whole migrations, or pairs of clusters, while the others go on: a state that is damaged, no right on the mirror's group. */
  readonly stopped: readonly Diagnostic[]
}

/**
 * Keeps the migrations of a session mirrored until the signal.
 * 1. Find the pairs of clusters; each gets one mirror, started when it first has something to copy, and one for the way back.
 * 2. Look at the decisions again and again, and follow what they say: new marks, seals, retired migrations; keep synced positions from
 *    expiring until consumers have come. Whenever a lock was got they are read before anything is sent, and followed at once.
 * 3. At the signal stop every mirror, whatever happened to the others.
 *
 * What stops one migration or one pair leaves the others alone, is told, and is a problem of the result if it is there at the end. Throws it where
 * nothing else is left.
 */
export const keepMirrored = async (
  session: Session,
  options: KeepMirroredOptions,
): Promise<MirrorResult> => {
  const pairs = pairsOf(session.migrations)
  const mirrors = new Map<string, MirrorWithFacts>()
  const renewers = new Map<string, CommitRenewer>()
  const asked = new Wake()
  let stopped: readonly Diagnostic[] = []
  const stop = () => asked.wake()
  options.signal.addEventListener('abort', stop, { once: true })
  try {
    for (let isFirst = true; !options.signal.aborted; isFirst = false) {
      const unread: Diagnostic[] = []
      const standing = new Map<string, Standing>()
      for (const [pair, migrations] of pairs) {
        try {
          await follow(pair, migrations, standing)
        } catch (error) {
          // A store that is away for a while is no reason to let consumers starve; one that was never there is.
          if (isFirst || !(error instanceof FerryError) || !error.retriable) throw error
          unread.push(...error.diagnostics)
        }
      }
      const denied = [...mirrors.values()].flatMap((mirror) => mirror.facts().lockProblem ?? [])
      const damaged = [...standing.values()].flatMap((each) => each.damaged ?? [])
      stopped = [...damaged, ...denied]
      if (stopped.length > 0 && !session.migrations.some((each) => isLeft(each, standing)))
        throw new FerryError(stopped)
      options.look(lookAt(mirrors, unread, stopped))
      if (!options.signal.aborted)
        await asked.wait(options.timings.followEveryMs ?? FOLLOW_EVERY_MS)
    }
  } finally {
    options.signal.removeEventListener('abort', stop)
    await Promise.allSettled([...mirrors.values()].map((mirror) => mirror.stop()))
  }
  const partitions = reportsOf(mirrors)
  return {
    partitions,
    problems: [...stopped, ...partitions.flatMap((each) => each.problem ?? [])],
  }

  async function follow(
    pair: string,
    migrations: readonly Migration[],
    standing: Map<string, Standing>,
  ): Promise<void> {
    const there: MirroredMigration[] = []
    const back: MirroredMigration[] = []
    for (const migration of migrations) {
      const state = await session.store.readDecisions(migration.name).catch((error: unknown) => {
        if (!(error instanceof FerryError) || error.retriable) throw error
        standing.set(migration.name, { ways: [], damaged: error.diagnostics })
        return undefined
      })
      if (standing.has(migration.name)) continue
      const forward = mirroredNow(state, 'forward')
      const reverse = mirroredNow(state, 'reverse')
      standing.set(migration.name, {
        ways: [...(forward ? ['forward' as const] : []), ...(reverse ? ['reverse' as const] : [])],
        ...(state?.stage === 'retired' && { isOver: true }),
      })
      if (state === undefined || forward === undefined) continue
      if (state.syncs.length > 0)
        await (await renewerOf(pair, migration)).look(migration.name, state, () =>
          session.store.readDecisions(migration.name),
        )
      there.push(forward)
      if (reverse !== undefined) back.push(reverse)
    }
    await tell(pair, 'forward', there, migrations)
    await tell(pair, 'reverse', back, migrations)
  }

  /** Something of it is copied, or may be once it is marked. One whose store is away for a while has no standing, and is waited for. */
  function isLeft(migration: Migration, standing: ReadonlyMap<string, Standing>): boolean {
    const now = standing.get(migration.name)
    if (now === undefined) return true
    if (now.damaged !== undefined || now.isOver) return false
    const ways: readonly Way[] = now.ways.length > 0 ? now.ways : ['forward']
    return ways.some((way) => !mirrors.get(`${way}\n${pairOf(migration)}`)?.facts().lockProblem)
  }

  async function tell(
    pair: string,
    way: Way,
    followed: readonly MirroredMigration[],
    migrations: readonly Migration[],
  ): Promise<void> {
    const key = `${way}\n${pair}`
    const [first] = migrations
    let mirror = mirrors.get(key)
    if (mirror === undefined && followed.length > 0 && first !== undefined) {
      mirror = await start(first, migrations, way)
      mirrors.set(key, mirror)
    }
    mirror?.follow(followed)
  }

  async function renewerOf(pair: string, migration: Migration): Promise<CommitRenewer> {
    const known = renewers.get(pair)
    if (known !== undefined) return known
    const { target } = await session.clustersOf(migration)
    const renewer = new CommitRenewer({ target, log: options.log })
    renewers.set(pair, renewer)
    return renewer
  }

  async function start(
    first: Migration,
    migrations: readonly Migration[],
    way: Way,
  ): Promise<MirrorWithFacts> {
    const { source, target } = await session.clustersOf(first)
    return options.services.startMirror({
      project: session.project.name,
      ...(way === 'forward' ? { source, target } : { source: target, target: source }),
      progress: session.store,
      decided: async (name) => {
        const now = mirroredNow(await session.store.readDecisions(name), way)
        asked.wake()
        return now
      },
      memoryBudget: DEFAULT_MEMORY_BUDGET,
      throttle: (name) => migrations.find((each) => each.name === name)?.mirror.throttle,
      timings: options.timings,
      log: options.log,
    })
  }
}

type Way = 'forward' | 'reverse'

/** What one look has found of a migration whose decisions were asked for. */
interface Standing {
  /** Those that are copied now. */
  readonly ways: readonly Way[]
  readonly damaged?: readonly Diagnostic[]
  /** Retired: nothing of it is ever copied again. */
  readonly isOver?: true
}

/** Names a pair of clusters. */
const pairOf = ({ from, to }: Migration): string => `${from}\n${to}`

const pairsOf = (migrations: readonly Migration[]): ReadonlyMap<string, readonly Migration[]> => {
  const pairs = new Map<string, Migration[]>()
  for (const migration of migrations) {
    const key = pairOf(migration)
    pairs.set(key, [...(pairs.get(key) ?? []), migration])
  }
  return pairs
}

const lookAt = (
  mirrors: ReadonlyMap<string, MirrorWithFacts>,
  unread: readonly Diagnostic[],
  stopped: readonly Diagnostic[],
): MirrorLook => ({
  reports: reportsOf(mirrors),
  mirrors: [...mirrors].map(([pair, mirror]) => {
    const [way, from = '', to = ''] = pair.split('\n')
    const names = way === 'forward' ? { source: from, target: to } : { source: to, target: from }
    return { ...names, facts: mirror.facts() }
  }),
  unread,
  stopped,
})

const reportsOf = (mirrors: ReadonlyMap<string, MirrorWithFacts>): readonly PartitionReport[] =>
  [...mirrors.values()].flatMap((mirror) => mirror.reports())
