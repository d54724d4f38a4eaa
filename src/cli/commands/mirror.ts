import { Command } from 'commander'
import type { MirrorLook } from '../../app/keep-mirrored.ts'
import type { Session } from '../../app/open-session.ts'
import type { MetricsServer } from '../../app/serve-mirror.ts'
import type { MirrorTimings } from '../../mirror/mirror.ts'
import type { MirrorResult } from '../../views/mirror.ts'
import { isSet, names, portFlag, textFlag, wrongUse } from '../args.ts'
import { type Context, mirrorTimings, planOptions, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act, RawFlags } from '../verb.ts'

/** Where metrics and health are served. */
export interface MetricsAddress {
  readonly host: string
  readonly port: number
}

/** Mirrors until the first Ctrl-C or SIGTERM, and stops cleanly. */
export const mirror = (
  context: Context,
  wanted: readonly string[],
  metrics: MetricsAddress | undefined,
): Promise<MirrorResult> =>
  withSession(context, wanted, async (session) => {
    const { keepMirrored } = await import('../../app/keep-mirrored.ts')
    const { DEFAULT_TIMINGS } = await import('../../mirror/mirror.ts')
    const timings = mirrorTimings(context.streams.env, DEFAULT_TIMINGS)
    const look = await teller(context)
    const served = metrics && (await serve(context, session, metrics, timings))
    try {
      return await keepMirrored(session, {
        services: context.services,
        timings,
        log: context.log,
        look: (seen) => {
          served?.look(seen)
          look(seen)
        },
        signal: context.stopping,
      })
    } finally {
      await served?.server.close()
    }
  })

/** A service that runs for weeks fills its log with what happens, not with how much of it. */
const NUMBERS_EVERY_MS = 60_000

/** Tells people: the live line, and each problem once. */
export const teller = async (
  context: Pick<Context, 'tell' | 'log' | 'streams' | 'progress'>,
): Promise<(look: MirrorLook) => void> => {
  const { copyMeter } = await import('../../domain/copy-progress.ts')
  const { copyLooks } = await import('../../mirror/copy-looks.ts')
  const { newProblems } = await import('../../app/new-problems.ts')
  const { renderMirrorLive } = await import('../../views/mirror.ts')
  const meter = copyMeter()
  const toTell = newProblems()
  return (look) => {
    const { reports, unread } = look
    for (const problem of toTell(look)) context.tell([problem])
    for (const { detail } of unread) context.log({ level: 'warn', message: detail })
    const topics = meter(copyLooks(reports), context.streams.now())
    const { line, details } = renderMirrorLive(reports, topics)
    context.progress.report(line, details, NUMBERS_EVERY_MS)
  }
}

/** A change of members takes up to a session; longer than two without the lock is trouble. */
const SESSIONS_OF_PATIENCE = 2

const serve = async (
  context: Context,
  session: Session,
  address: MetricsAddress,
  timings: MirrorTimings,
): Promise<{ readonly server: MetricsServer; look(look: MirrorLook): void }> => {
  const { mirrorMetrics } = await import('../../views/mirror-metrics.ts')
  const { mirrorHealth } = await import('../../app/mirror-health.ts')
  const { serveMirror } = await import('../../app/serve-mirror.ts')
  const { firstDeadlines } = await import('../../app/first-deadlines.ts')
  const metrics = mirrorMetrics()
  const healthOf = mirrorHealth(timings.sessionTimeoutMs * SESSIONS_OF_PATIENCE)
  let reasons: readonly string[] = []
  const server = await serveMirror({
    ...address,
    metrics: async () => ({ type: metrics.contentType, text: await metrics.text() }),
    health: () => reasons,
  })
  context.progress.note(`serves ${server.url}/metrics and ${server.url}/healthz`)
  const quiet = { ...planOptions(context), report: () => {}, signal: context.stopping }
  const deadlines = firstDeadlines(session, { ...quiet, log: context.log })
  return {
    server,
    look: (look) => {
      const now = context.streams.now()
      reasons = healthOf(look, now)
      const { reports, mirrors } = look
      const isHealthy = reasons.length === 0
      metrics.take({ reports, mirrors, isHealthy, deadlines, now })
    },
  }
}

const LOOPBACK = '127.0.0.1'

const metricsAddress = (flags: RawFlags): MetricsAddress | undefined => {
  const port = portFlag(flags, 'metricsPort')
  const host = textFlag(flags, 'metricsHost')
  if (port !== undefined) return { port, host: host ?? LOOPBACK }
  if (host === undefined) return undefined
  throw wrongUse(
    '--metrics-host says where metrics are served, but no --metrics-port was given.',
    'Give --metrics-port too, or leave --metrics-host out.',
  )
}

export const mirrorCommand = (act: Act): Command =>
  new Command('mirror')
    .summary('keep mirrored migrations mirrored until stopped')
    .description(
      'Copies what is marked and not yet sealed, and follows what apply decides: new marks are picked up and sealed topics let go within seconds. Several such processes share the partitions. Runs until SIGTERM or Ctrl-C and stops cleanly. From consumers-moved until the seal one must run, or consumers on the target see nothing new. Exits with 9 if partitions had stopped.',
    )
    .argument('[name...]', 'migrations; all of the project if none is named')
    .option('--json', 'when it ends, how each partition was, as JSON')
    .option(
      '--metrics-port <port>',
      'serve Prometheus metrics at /metrics and health at /healthz; 0 takes any free port',
    )
    .option('--metrics-host <host>', `the address to serve them on (default: ${LOOPBACK})`)
    .action(
      act(
        async (context, args, flags) => {
          const result = await mirror(context, names(args), metricsAddress(flags))
          const { renderMirror, renderMirrorJson } = await import('../../views/mirror.ts')
          context.print(isSet(flags, 'json') ? renderMirrorJson(result) : renderMirror(result))
          return result.problems.length > 0 ? EXIT.notVerified : EXIT.done
        },
        { finishesStep: true },
      ),
    )
