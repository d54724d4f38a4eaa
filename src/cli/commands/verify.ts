import { resolve } from 'node:path'
import { Command } from 'commander'
import type { Migration } from '../../domain/migration.ts'
import type { ReceiptReport, VerifyMode, VerifyReport } from '../../verify/index.ts'
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
  /** Check the receipt of one migration instead: of this file, or the one in the state. */
  readonly receipt: { readonly file: string | undefined } | undefined
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
  const junit = textFlag(flags, 'junit')
  const file = textFlag(flags, 'receipt')
  const receipt = file !== undefined || isSet(flags, 'receipt') ? { file } : undefined
  if (receipt !== undefined) {
    if (names(args).length !== 1) {
      throw wrongUse('--receipt is of one migration.', 'Write `ferry verify NAME --receipt`.')
    }
    if (full || sample !== undefined || junit !== undefined) {
      throw wrongUse(
        '--receipt takes the figures of the receipt again, all of them; --full, --sample and --junit are of another check.',
        'Give --receipt alone, or with --json.',
      )
    }
  }
  return { names: names(args), mode, json: isSet(flags, 'json'), junit, receipt }
}

/** Compares both clusters, for all migrations asked for, as one report. Read-only. */
export const verify = (context: Context, args: VerifyArgs): Promise<VerifyReport> =>
  withSession(context, args.names, async (session) => {
    const { readState } = await import('../../app/make-plan.ts')
    const { mergedReports } = await import('../../app/merged-reports.ts')
    const reports: VerifyReport[] = []
    const { verifyBack } = await import('../../app/verify-back.ts')
    for (const migration of session.migrations) {
      const parts = {
        clusters: await session.clustersOf(migration),
        migration,
        state: await readState(session, migration.name),
        mode: args.mode,
        report: context.progress.report,
        signal: context.signal,
      }
      const progress = await session.store.readProgress(migration.name)
      reports.push(await context.services.verifyMigration({ ...parts, progress }))
      if (parts.state.reverse.marks.length === 0) continue
      const back = await session.store.readProgress(migration.name, 'reverse')
      reports.push(await verifyBack(context.services, { ...parts, progress: back }))
    }
    return mergedReports(reports)
  })

/** Takes every figure of a receipt again. Read-only; needs the source only as long as there is one. */
const checkReceipt = (context: Context, args: VerifyArgs): Promise<ReceiptReport> =>
  withSession(context, args.names, async (session) => {
    const { verifyReceipt } = await import('../../app/receipts.ts')
    const file = args.receipt?.file
    return verifyReceipt(session, session.migrations[0] as Migration, {
      file: file === undefined ? undefined : resolve(context.cwd, file),
      report: context.progress.report,
      signal: context.signal,
    })
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
    .option(
      '--receipt [file]',
      'take every figure of the receipt again: of the file, or of the one in the state',
    )
    .option('--json', 'as JSON')
    .option(
      '--junit <file>',
      'also write it as JUnit XML: a test case for each partition and each group',
    )
    .action(
      act(async (context, raw, flags) => {
        const args = verifyArgs(raw, flags)
        if (args.receipt !== undefined) {
          const checked = await checkReceipt(context, args)
          const { renderReceiptCheck, renderReceiptCheckJson, receiptProblems } = await import(
            '../../views/receipt.ts'
          )
          context.print(
            args.json
              ? renderReceiptCheckJson(checked)
              : renderReceiptCheck(checked, context.style),
          )
          context.tell(receiptProblems(checked))
          return checked.ok ? EXIT.done : EXIT.notVerified
        }
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
