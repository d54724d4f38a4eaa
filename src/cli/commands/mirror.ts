import { Command } from 'commander'
import type { MirrorResult } from '../../views/mirror.ts'
import { isSet, names } from '../args.ts'
import { type Context, mirrorTimings, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** Mirrors until the first Ctrl-C or SIGTERM, and stops cleanly. */
export const mirror = (context: Context, wanted: readonly string[]): Promise<MirrorResult> =>
  withSession(context, wanted, async (session) => {
    const { keepMirrored } = await import('../../app/keep-mirrored.ts')
    const { DEFAULT_TIMINGS } = await import('../../mirror/mirror.ts')
    const { copyMeter } = await import('../../domain/copy-progress.ts')
    const { copyLooks } = await import('../../mirror/copy-looks.ts')
    const { renderMirrorLive } = await import('../../views/mirror.ts')
    const meter = copyMeter()
    const told = new Set<string>()
    return keepMirrored(session, {
      services: context.services,
      timings: mirrorTimings(context.streams.env, DEFAULT_TIMINGS),
      log: context.log,
      look: (reports) => {
        for (const { key, problem } of reports) {
          if (problem === undefined || told.has(`${key} ${problem.code}`)) continue
          told.add(`${key} ${problem.code}`)
          context.tell([problem])
        }
        const topics = meter(copyLooks(reports), context.streams.now())
        const { line, details } = renderMirrorLive(reports, topics)
        context.progress.report(line, details)
      },
      signal: context.stopping,
    })
  })

export const mirrorCommand = (act: Act): Command =>
  new Command('mirror')
    .summary('keep mirrored migrations mirrored until stopped')
    .description(
      'Copies what is marked and not yet sealed, and follows what apply decides: new marks are picked up and sealed topics let go within seconds. Several such processes share the partitions. Runs until SIGTERM or Ctrl-C and stops cleanly. From consumers-moved until the seal one must run, or consumers on the target see nothing new. Exits with 9 if partitions had stopped.',
    )
    .argument('[name...]', 'migrations; all of the project if none is named')
    .option('--json', 'when it ends, how each partition was, as JSON')
    .action(
      act(
        async (context, args, flags) => {
          const result = await mirror(context, names(args))
          const { renderMirror, renderMirrorJson } = await import('../../views/mirror.ts')
          context.print(isSet(flags, 'json') ? renderMirrorJson(result) : renderMirror(result))
          return result.problems.length > 0 ? EXIT.notVerified : EXIT.done
        },
        { finishesStep: true },
      ),
    )
