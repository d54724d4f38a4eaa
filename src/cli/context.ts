import { resolve } from 'node:path'
import type { PlanOptions } from '../app/make-plan.ts'
import { openSession, type Session, type SessionOptions } from '../app/open-session.ts'
import type { Services } from '../app/services.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { MirrorLog, MirrorTimings } from '../mirror/mirror.ts'
import { renderDiagnostics } from '../views/diagnostics.ts'
import { type Style, styleFor } from '../views/style.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { JsonLog } from './json-log.ts'
import { type Progress, startProgress } from './progress.ts'
import type { Streams } from './streams.ts'

/** What every verb gets: its flags apart, everything it may touch. */
export interface Context {
  readonly streams: Streams
  readonly services: Services
  readonly flags: GlobalFlags
  /** With --chdir applied. */
  readonly cwd: string
  readonly progress: Progress
  /** Of stdout. */
  readonly style: Style
  /** True if there is somebody to ask. */
  readonly canAsk: boolean
  /** The first Ctrl-C: begin nothing more. */
  readonly stopping: AbortSignal
  /** Leave what is being done. The first Ctrl-C, but the second for verbs that finish a step before they end. */
  readonly signal: AbortSignal
  /** The result, whole or in pieces. */
  print(text: string | Iterable<string>): void
  /** Warnings and errors, for people. */
  tell(diagnostics: readonly Diagnostic[]): void
  log: MirrorLog
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export const createContext = (
  streams: Streams,
  services: Services,
  flags: GlobalFlags,
  finishesStep = false,
  json?: JsonLog,
): Context => {
  const cwd = flags.chdir === undefined ? streams.cwd : resolve(streams.cwd, flags.chdir)
  const progress = json?.progress ?? startProgress(streams, flags.quiet)
  const told: Diagnostic[] = []
  // Both on one screen: whoever reads stderr alone needs no empty line.
  const isOneScreen = streams.isTty.stdout && streams.isTty.stderr
  let hasPrinted = false
  const coloured = styleFor(wantsColour(streams, flags, streams.isTty.stderr))
  return {
    streams,
    services,
    flags,
    cwd,
    progress,
    style: styleFor(wantsColour(streams, flags, streams.isTty.stdout)),
    canAsk: flags.input && streams.isTty.stdin && streams.isTty.stderr,
    stopping: streams.interrupts.first,
    signal: finishesStep ? streams.interrupts.second : streams.interrupts.first,
    print: (text) => {
      progress.clear()
      for (const piece of typeof text === 'string' ? [text] : text) streams.stdout.write(piece)
      hasPrinted = isOneScreen
    },
    tell: (diagnostics) => {
      if (diagnostics.length === 0) return
      if (json !== undefined) return json.tell(diagnostics)
      progress.clear()
      const view = { style: coloured, columns: streams.columns, cwd, before: told }
      streams.stderr.write(
        `${told.length > 0 || hasPrinted ? '\n' : ''}${renderDiagnostics(diagnostics, view)}`,
      )
      told.push(...diagnostics)
    },
    log: ({ level, message }) => {
      if (json !== undefined) json.log({ level, message })
      else if (LEVELS.indexOf(level) >= LEVELS.indexOf(flags.logLevel)) {
        progress.note(`${level}: ${message}`)
      }
    },
  }
}

/** A terminal, and nobody who said no: https://no-color.org. */
export const wantsColour = (streams: Streams, flags: GlobalFlags, isTty: boolean): boolean =>
  isTty && flags.color && !streams.env.NO_COLOR && streams.env.TERM !== 'dumb'

/** Opens the session of these names, runs the work and closes the session, however the work ends. `store`: it connects to no cluster of them. */
export const withSession = async <T>(
  context: Context,
  names: readonly string[],
  work: (session: Session) => Promise<T>,
  reach: SessionOptions['reach'] = 'both',
): Promise<T> => {
  const session = await openSession({
    services: context.services,
    cwd: context.cwd,
    projectFile: context.flags.project,
    names,
    reach,
    report: context.progress.report,
    warn: context.tell,
    signal: context.signal,
  })
  try {
    const { localInPipeline } = await import('../app/local-state.ts')
    context.tell(localInPipeline(session.project, context.streams.env))
    return await work(session)
  } finally {
    context.progress.report('closes connections')
    await session.close()
    context.progress.clear()
  }
}

/** Runs work that asks clusters but needs no session: no state, no lock, and maybe no migration yet. */
export const asksClusters = async <T>(
  context: Context,
  work: (options: Omit<SessionOptions, 'names'>) => Promise<T>,
): Promise<T> => {
  try {
    return await work({
      services: context.services,
      cwd: context.cwd,
      projectFile: context.flags.project,
      report: context.progress.report,
      warn: context.tell,
      signal: context.signal,
    })
  } finally {
    context.progress.clear()
  }
}

export const planOptions = (context: Context): PlanOptions => ({
  services: context.services,
  now: context.streams.now,
  report: context.progress.report,
  signal: context.signal,
})

/**
 * The mirror's clocks. FERRY_MIRROR_SESSION_MS and FERRY_MIRROR_REQUEST_MS change them, for tests and for tuning: a shorter session hands
 * the partitions of a dead mirror over sooner, and takes them sooner from one that is only slow. FERRY_MIRROR_FOLLOW_MS says how often
 * `ferry mirror` looks for what was decided.
 */
export const mirrorTimings = (env: Streams['env'], defaults: MirrorTimings): MirrorTimings => {
  const followEveryMs = positive(env.FERRY_MIRROR_FOLLOW_MS)
  return {
    sessionTimeoutMs: positive(env.FERRY_MIRROR_SESSION_MS) ?? defaults.sessionTimeoutMs,
    requestTimeoutMs: positive(env.FERRY_MIRROR_REQUEST_MS) ?? defaults.requestTimeoutMs,
    ...(followEveryMs !== undefined && { followEveryMs }),
  }
}

const positive = (text: string | undefined): number | undefined => {
  const value = Number(text)
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : undefined
}
