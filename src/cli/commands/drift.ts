import { Command } from 'commander'
import type { DriftReport } from '../../views/drift.ts'
import { isSet, names } from '../args.ts'
import { type Context, planOptions, withSession } from '../context.ts'
import { EXIT, type ExitCode, exitCodeFor } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** What changed outside of Ferry. Read-only, takes no lock. */
export const drift = (
  context: Context,
  wanted: readonly string[],
): Promise<readonly DriftReport[]> =>
  withSession(context, wanted, async (session) => {
    const { driftOf } = await import('../../app/drift.ts')
    const reports: DriftReport[] = []
    for (const migration of session.migrations) {
      reports.push(await driftOf(session, migration, planOptions(context)))
    }
    return reports
  })

/** What could not be read or compared weighs more: it is not known then whether there is drift. */
export const driftExitCode = (reports: readonly DriftReport[]): ExitCode => {
  const unknown = exitCodeFor(reports.flatMap((report) => report.problems))
  if (unknown !== EXIT.done) return unknown
  return reports.some((report) => report.drift.length > 0) ? EXIT.drift : EXIT.done
}

export const driftCommand = (act: Act): Command =>
  new Command('drift')
    .summary('what changed outside of Ferry')
    .description(
      'Compares the clusters with what they were at the end of the last apply: topics, partitions, replication factors, overridden configs, ACLs, users, quotas, commits that Ferry wrote, groups that read on the source since, and removed objects that came back. What a plan would change is no drift; it is only counted. Read-only. Exits with 3 if something changed.',
    )
    .argument('[name...]', 'migrations; all of the project if none is named')
    .option('--json', 'as JSON')
    .action(
      act(async (context, args, flags) => {
        const reports = await drift(context, names(args))
        const { renderDrift, renderDriftJson } = await import('../../views/drift.ts')
        context.print(
          isSet(flags, 'json') ? renderDriftJson(reports) : renderDrift(reports, context.style),
        )
        context.tell(reports.flatMap((report) => report.problems))
        return driftExitCode(reports)
      }),
    )
