import { resolve } from 'node:path'
import { Command } from 'commander'
import type { VerifyMode, VerifyReport } from '../../verify/index.ts'
import { countFlag, isSet, names, textFlag, wrongUse } from '../args.ts'
import { type Context, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act, RawFlags } from '../verb.ts'

/** Records compared per partition where nobody says how many. */
export const DEFAULT_SAMPLE = 100

export interface VerifyArgs {
  readonly names: readonly string[]
  readonly mode: VerifyMode
  readonly json: boolean
  /** Where the JUnit XML goes. */
  readonly junit: string | undefined
}

export const verifyArgs = (args: readonly unknown[], flags: RawFlags): VerifyArgs => {
  const sample = countFlag(flags, 'sample')
  const full = isSet(flags, 'full')
  if (full && sample !== undefined) {
    throw wrongUse('--full and --sample exclude each other.', 'Give one of them.')
  }
  const mode: VerifyMode = full
    ? { kind: 'full' }
    : { kind: 'sample', records: sample ?? DEFAULT_SAMPLE }
  return { names: names(args), mode, json: isSet(flags, 'json'), junit: textFlag(flags, 'junit') }
}

/** Compares both clusters, for all migrations asked for, as one report. Read-only. */
export const verify = (context: Context, args: VerifyArgs): Promise<VerifyReport> =>
  withSession(context, args.names, async (session) => {
    const { readState } = await import('../../app/make-plan.ts')
    const { mergedReports } = await import('../../app/merged-reports.ts')
    const reports: VerifyReport[] = []
    for (const migration of session.migrations) {
      reports.push(
        await context.services.verifyMigration({
          clusters: await session.clustersOf(migration),
          migration,
          state: await readState(session, migration.name),
          progress: await session.store.readProgress(migration.name),
          mode: args.mode,
          report: context.progress.report,
          signal: context.signal,
        }),
      )
    }
    return mergedReports(reports)
  })

export const verifyCommand = (act: Act): Command =>
  new Command('verify')
    .summary('compare records and positions on both clusters')
    .description(
      'Compares the counts of every partition, records through the offset index, and the position of every group. Read-only. Exits with 9 if anything differs.',
    )
    .argument('[name]', 'a migration; all of the project if none is named')
    .option('--full', 'compare every record')
    .option(
      '--sample <records>',
      `compare so many records of each partition (default: ${DEFAULT_SAMPLE})`,
    )
    .option('--json', 'as JSON')
    .option(
      '--junit <file>',
      'also write it as JUnit XML: a test case for each partition and each group',
    )
    .action(
      act(async (context, raw, flags) => {
        const args = verifyArgs(raw, flags)
        const report = await verify(context, args)
        const { renderVerify, renderVerifyJson, verifyProblems } = await import(
          '../../views/verify.ts'
        )
        context.print(args.json ? renderVerifyJson(report) : renderVerify(report, context.style))
        if (args.junit !== undefined) {
          const { renderJunit } = await import('../../views/junit.ts')
          const { replaceText } = await import('../../app/write-text.ts')
          await replaceText(resolve(context.cwd, args.junit), renderJunit(report))
        }
        context.tell(verifyProblems(report))
        return report.ok ? EXIT.done : EXIT.notVerified
      }),
    )
