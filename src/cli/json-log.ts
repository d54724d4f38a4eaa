import pino from 'pino'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { LogLevel } from './global-flags.ts'
import type { Progress } from './progress.ts'
import type { Streams } from './streams.ts'

/** What a machine that collects logs gets instead of text for people: one JSON object a line on stderr. */
export interface JsonLog {
  readonly progress: Progress
  log(line: { readonly level: LogLevel; readonly message: string }): void
  tell(diagnostics: readonly Diagnostic[]): void
}

/** The live line as a record: often enough to see that it lives. */
const PROGRESS_EVERY_MS = 10_000

/** Imports pino, so it is itself imported only for `--log-format json`. */
export const jsonLog = (
  streams: Streams,
  options: { readonly level: LogLevel; readonly quiet: boolean },
): JsonLog => {
  const logger = pino(
    {
      level: 'debug',
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => streams.stderr.write(line) },
  )
  const least = logger.levels.values[options.level]!
  let reported: { readonly message: string; readonly at: number } | undefined
  return {
    progress: {
      report: (message, details = []) => {
        if (options.quiet || message === reported?.message) return
        const at = streams.now().getTime()
        if (reported !== undefined && at - reported.at < PROGRESS_EVERY_MS) return
        reported = { message, at }
        logger.info({ kind: 'progress', ...(details.length > 0 && { details }) }, message)
      },
      note: (message) => logger.info(message),
      clear: () => {},
    },
    log: ({ level, message }) => {
      if (logger.levels.values[level]! >= least) logger[level](message)
    },
    tell: (diagnostics) => {
      for (const { severity, summary, ...rest } of diagnostics) {
        logger[severity === 'error' ? 'error' : 'warn'](rest, summary)
      }
    },
  }
}
