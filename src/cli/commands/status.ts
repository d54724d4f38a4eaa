import { Command } from 'commander'
import type { MigrationStatus } from '../../views/status-report.ts'
import { isSet, names } from '../args.ts'
import { type Context, planOptions, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** Where each migration is, seen now. Read-only, takes no lock. */
export const status = (
  context: Context,
  wanted: readonly string[],
): Promise<readonly MigrationStatus[]> =>
  withSession(context, wanted, async (session) => {
    const { makePlan } = await import('../../app/make-plan.ts')
    const { statusOf } = await import('../../app/status.ts')
    const words = await context.services.stepWords()
    const found: MigrationStatus[] = []
    for (const migration of session.migrations) {
      const made = await makePlan(session, migration, planOptions(context))
      const progress = await session.store.readProgress(migration.name)
      const processes = await context.services.mirrorProcesses(
        session.project.name,
        made.clusters.target,
      )
      found.push(statusOf({ ...made, progress, words, processes }))
    }
    return found
  })

export const statusCommand = (act: Act): Command =>
  new Command('status')
    .summary('where a migration is, and what is next')
    .description(
      'Shows the stage, the next step and what it waits for, each topic with its marks and lag, each group on both clusters, whether a mirror is running, deadlines and problems. Read-only. Exits with 9 if a partition stopped.',
    )
    .argument('[name...]', 'migrations; all of the project if none is named')
    .option('--json', 'as JSON')
    .action(
      act(async (context, args, flags) => {
        const found = await status(context, names(args))
        const { renderStatus, renderStatusJson } = await import('../../views/status.ts')
        context.print(
          isSet(flags, 'json') ? renderStatusJson(found) : renderStatus(found, context.style),
        )
        context.tell(found.flatMap((each) => each.problems))
        const { hasStopped } = await import('../../app/status.ts')
        return found.some(hasStopped) ? EXIT.notVerified : EXIT.done
      }),
    )
