import { cleanedOfTarget } from '../domain/cleaned.ts'
import { endsOfCopying } from '../domain/reverse.ts'
import type { MigrationState, Reverse } from '../domain/state.ts'
import type { Mirror, MirroredMigration } from '../mirror/mirror.ts'
import type { Run } from '../steps/step-kind.ts'
import type { ApplyOptions } from './apply-options.ts'

type Copies = Pick<MirroredMigration, 'marks' | 'seals' | 'acceptedGaps'> & Pick<Reverse, 'sealing'>

/** A run, and the end of it. */
export interface OpenedRun {
  readonly run: Run
  /** Stops the mirrors that were started. */
  close(): Promise<void>
}

/** The decisions in memory with their only writer, and the embedded mirrors that follow them. */
export const openRun = (options: ApplyOptions, stored: MigrationState): OpenedRun => {
  const { store, migration } = options
  let state = stored
  let lastWrite: Promise<void> = Promise.resolve()

  const keepers = {
    forward: keepMirror(options.startMirror, () => ({ ...state, cleaned: [] })),
    reverse: keepMirror(options.startReverseMirror, () => ({
      ...state.reverse,
      cleaned: cleanedOfTarget(state),
    })),
  }

  const write = async (change: (state: MigrationState) => MigrationState): Promise<void> => {
    const { lineage, serial } = state
    const next = { ...change(state), migration: migration.name, lineage, serial: serial + 1 }
    await store.writeDecisions(next, serial)
    const isSame = (one: Copies, other: Copies) =>
      one.marks === other.marks &&
      one.seals === other.seals &&
      one.sealing === other.sealing &&
      one.acceptedGaps === other.acceptedGaps
    const thereChanged = !isSame(state, next)
    const backChanged = !isSame(state.reverse, next.reverse) || state.cleaned !== next.cleaned
    state = next
    if (thereChanged) keepers.forward.follow()
    if (backChanged) keepers.reverse.follow()
  }

  return {
    run: {
      project: options.project,
      migration,
      purpose: options.plan.purpose,
      clusters: options.clusters,
      store,
      state: () => state,
      // One after the other: each change starts from what the one before has made.
      decide: (change) => {
        const written = lastWrite.then(() => write(change))
        lastWrite = written.catch(() => undefined)
        return written
      },
      mirror: keepers.forward.started,
      reverseMirror: keepers.reverse.started,
      timings: options.timings,
      gateTimeoutMs: options.gateTimeoutMs,
      report: options.on.live,
      now: options.now,
      by: {
        user: options.holder.user,
        host: options.holder.host,
        toolVersion: options.toolVersion,
      },
      signal: options.signal,
    },
    close: async () => {
      await Promise.all([keepers.forward.stop(), keepers.reverse.stop()])
    },
  }

  function keepMirror(
    start: () => Promise<Mirror>,
    copies: () => Copies & Pick<MirroredMigration, 'cleaned'>,
  ) {
    let mirror: Promise<Mirror> | undefined
    let running: Mirror | undefined
    const follow = () => {
      const now = copies()
      const { marks, acceptedGaps = [], cleaned = [] } = now
      running?.follow([
        { migration: migration.name, marks, seals: endsOfCopying(now), acceptedGaps, cleaned },
      ])
    }
    const started = () => {
      mirror ??= start().then(
        (one) => {
          running = one
          follow()
          return one
        },
        (error: unknown) => {
          mirror = undefined
          throw error
        },
      )
      return mirror
    }
    // Also one that is only just starting: nothing would ever stop it.
    const stop = async () => (await mirror?.catch(() => undefined))?.stop()
    return { follow, started, stop }
  }
}
