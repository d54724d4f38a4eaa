import type { MigrationState } from '../domain/state.ts'
import type { Mirror } from '../mirror/mirror.ts'
import type { Run } from '../steps/step-kind.ts'
import type { ApplyOptions } from './apply-options.ts'

/** A run, and the end of it. */
export interface OpenedRun {
  readonly run: Run
  /** Stops the mirror if one was started. */
  close(): Promise<void>
}

/** The decisions in memory with their only writer, and the embedded mirror that follows them. */
export const openRun = (options: ApplyOptions, stored: MigrationState): OpenedRun => {
  const { store, migration } = options
  let state = stored
  let mirror: Promise<Mirror> | undefined
  let running: Mirror | undefined
  let lastWrite: Promise<void> = Promise.resolve()

  const follow = () =>
    running?.follow([{ migration: migration.name, marks: state.marks, seals: state.seals }])

  const write = async (change: (state: MigrationState) => MigrationState): Promise<void> => {
    const { lineage, serial } = state
    const next = { ...change(state), migration: migration.name, lineage, serial: serial + 1 }
    await store.writeDecisions(next, serial)
    const copiesChanged = next.marks !== state.marks || next.seals !== state.seals
    state = next
    if (copiesChanged) follow()
  }

  return {
    run: {
      project: options.project,
      migration,
      clusters: options.clusters,
      store,
      state: () => state,
      // One after the other: each change starts from what the one before has made.
      decide: (change) => {
        const written = lastWrite.then(() => write(change))
        lastWrite = written.catch(() => undefined)
        return written
      },
      mirror: () => {
        mirror ??= options.startMirror().then(
          (started) => {
            running = started
            follow()
            return started
          },
          (error: unknown) => {
            mirror = undefined
            throw error
          },
        )
        return mirror
      },
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
      // Also one that is only just starting: nothing would ever stop it.
      await (await mirror?.catch(() => undefined))?.stop()
    },
  }
}
