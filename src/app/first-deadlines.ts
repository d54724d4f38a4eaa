import { setTimeout as pause } from 'node:timers/promises'
import type { MirrorLog } from '../mirror/mirror.ts'
import { makePlan, type PlanOptions } from './make-plan.ts'
import type { Session } from './open-session.ts'

/** A deadline moves with what is copied and deleted, by segments: minutes are close enough, and a look reads both clusters. */
const LOOK_EVERY_MS = 5 * 60_000

/**
 * Keeps the first deadline of each migration, as a plan made now would give it, until the signal. What cannot be read is left as it was.
 */
export const firstDeadlines = (
  session: Session,
  options: PlanOptions & { readonly log: MirrorLog },
): ReadonlyMap<string, Date> => {
  const found = new Map<string, Date>()
  const look = async (): Promise<void> => {
    for (const migration of session.migrations) {
      try {
        const { plan } = await makePlan(session, migration, options)
        const [first] = plan.deadlines
        if (first === undefined) found.delete(migration.name)
        else found.set(migration.name, new Date(first.at))
      } catch (error) {
        if (options.signal.aborted) return
        const why = error instanceof Error ? error.message : String(error)
        options.log({ level: 'debug', message: `deadlines of ${migration.name}: ${why}` })
      }
    }
  }
  const run = async (): Promise<void> => {
    while (!options.signal.aborted) {
      await look()
      await pause(LOOK_EVERY_MS, undefined, { signal: options.signal, ref: false }).catch(() => {})
    }
  }
  void run()
  return found
}
