import { setTimeout as pause } from 'node:timers/promises'
import type { MirrorLog } from '../mirror/mirror.ts'
import { strandedSeen } from '../planner/cutover-warnings.ts'
import { races } from '../planner/overtaken.ts'
import type { MigrationDeadlines } from '../views/mirror-metrics.ts'
import { type MadePlan, makePlan, type PlanOptions } from './make-plan.ts'
import type { Session } from './open-session.ts'

/** A deadline moves with what is copied and deleted, by segments: minutes are close enough, and a look reads both clusters. */
const LOOK_EVERY_MS = 5 * 60_000

/**
 * Keeps the first deadlines of each migration, as a plan made now would give them, until the signal. What cannot be read is left as it
 * was.
 */
export const firstDeadlines = (
  session: Session,
  options: PlanOptions & { readonly log: MirrorLog },
): ReadonlyMap<string, MigrationDeadlines> => {
  const found = new Map<string, MigrationDeadlines>()
  const look = async (): Promise<void> => {
    for (const migration of session.migrations) {
      try {
        found.set(migration.name, deadlinesOf(await makePlan(session, migration, options)))
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

/** Both directions apart: what is still to be mirrored back is in danger on the other cluster. Pure. */
export const deadlinesOf = ({
  plan,
  migration,
  observed,
  state,
  progress,
}: Pick<
  MadePlan,
  'plan' | 'migration' | 'observed' | 'state' | 'progress'
>): MigrationDeadlines => {
  const first = (isBack: boolean): Date | undefined => {
    const found = plan.deadlines.find(({ about }) => (about.kind === 'back-retention') === isBack)
    return found && new Date(found.at)
  }
  const now = new Date(observed.at)
  const { closest, overtaken } = races({ desired: migration, observed, state, progress, now })
  const race = overtaken ?? closest
  return {
    first: first(false),
    firstBack: first(true),
    overtaken: overtaken && new Date(overtaken.at),
    stranded: strandedOffsets({ desired: migration, observed, state }),
    ...(race && { copiedPerSecond: race.copied, takenPerSecond: race.taken }),
  }
}

const strandedOffsets = (context: Parameters<typeof strandedSeen>[0]): number =>
  context.state.stage === 'retired'
    ? 0
    : Object.values(strandedSeen(context))
        .flatMap(({ held, gone }) => [...held, ...gone])
        .reduce((sum, { from, to }) => sum + Number(to - from), 0)
