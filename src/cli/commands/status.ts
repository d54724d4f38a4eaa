import { Command } from 'commander'
import type { Session } from '../../app/open-session.ts'
import { FerryError } from '../../domain/diagnostic.ts'
import type { MigrationStatus } from '../../views/status-report.ts'
import { isSet, names } from '../args.ts'
import { type Context, planOptions, withSession } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Act } from '../verb.ts'
import { openWatch } from '../watch.ts'

export interface StatusArgs {
  readonly names: readonly string[]
  readonly watch: boolean
  readonly json: boolean
}

/** Where each migration is, seen now. Read-only, takes no lock. */
const statusOnce = (context: Context, args: StatusArgs): Promise<ExitCode> =>
  withSession(context, args.names, async (session) => {
    const look = await lookerOf(session, context, context.progress.report)
    const found = await look(true)
    const { renderStatus, renderStatusJson } = await import('../../views/status.ts')
    const view = { style: context.style, columns: context.streams.columns }
    context.print(args.json ? renderStatusJson(found) : renderStatus(found, view))
    context.tell(found.flatMap((each) => each.problems))
    return exitCodeOf(found)
  })

/** Looks again and again until Ctrl-C, which is how it ends well. A cluster that does not answer for a moment ends nothing. */
const statusWatched = (context: Context, args: StatusArgs): Promise<ExitCode> =>
  withSession(context, args.names, async (session) => {
    const { renderStatus, renderStatusLine } = await import('../../views/status.ts')
    const { renderDiagnostics } = await import('../../views/diagnostics.ts')
    const watch = openWatch(context, args.json)
    // From the first page on the page is the progress: a spinner would draw into it.
    let shown = false
    const report: Context['progress']['report'] = (line) => {
      if (!shown) context.progress.report(line)
    }
    const look = await lookerOf(session, context, report)
    let last: readonly MigrationStatus[] = []
    while (!context.stopping.aborted) {
      try {
        last = await look(false)
        const problems = last.flatMap((each) => each.problems)
        const { style } = context
        const { columns } = context.streams
        const page = (): string =>
          `${renderStatus(last, { style, columns })}${problems.length > 0 ? '\n' : ''}${renderDiagnostics(problems, { style, columns, cwd: context.cwd })}`
        shown = true
        context.progress.clear()
        watch.show(args.json ? renderStatusLine(last) : page())
      } catch (error) {
        if (context.stopping.aborted) break
        if (!(error instanceof FerryError && error.retriable)) throw error
        context.tell(error.diagnostics)
      }
      await watch.pause(context.stopping)
    }
    return exitCodeOf(last)
  })

const lookerOf = async (session: Session, context: Context, report: (line: string) => void) => {
  const { statusLooker } = await import('../../app/look-at-status.ts')
  return statusLooker(session, { ...planOptions(context), report, signal: context.stopping })
}

const exitCodeOf = (found: readonly MigrationStatus[]): ExitCode =>
  found.some((each) => each.topics.some((topic) => topic.state === 'stopped'))
    ? EXIT.notVerified
    : EXIT.done

export const statusCommand = (act: Act): Command =>
  new Command('status')
    .summary('where a migration is, and what is next')
    .description(
      'Shows the stage, the next command and the gate that it will wait at, each topic with its marks, lag, rate and time left, each group on both clusters with its members, whether a mirror is running, deadlines and problems. Read-only. Exits with 9 if a partition stopped, or will at the next start of a mirror because others have written to the target.',
    )
    .argument('[name...]', 'migrations; all of the project if none is named')
    .option('--watch', 'again and again until Ctrl-C: one page on a terminal, blocks elsewhere')
    .option('--json', 'as JSON; with --watch one object a line')
    .action(
      act(
        (context, raw, flags) => {
          const args = {
            names: names(raw),
            watch: isSet(flags, 'watch'),
            json: isSet(flags, 'json'),
          }
          return args.watch ? statusWatched(context, args) : statusOnce(context, args)
        },
        { finishesStep: (flags) => isSet(flags, 'watch') },
      ),
    )
