import { existsSync, statSync } from 'node:fs'
import { type Command, CommanderError } from 'commander'
import type { Services } from '../app/services.ts'
import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { Context } from './context.ts'
import { EXIT, type ExitCode, exitCodeFor } from './exit-codes.ts'
import { type GlobalFlags, globalFlags } from './global-flags.ts'
import { buildProgram } from './program.ts'
import type { Streams } from './streams.ts'
import type { Act, RawFlags } from './verb.ts'

/** After the second Ctrl-C a step still gets so long to leave its connections and its lock in order. */
const GRACE_MS = 3000

/**
 * One run of `ferry`: arguments in, exit code out. Never throws.
 * 1. Build the command line; nothing heavy is imported for it.
 * 2. Let commander find the verb and its flags; what it refuses is a usage error.
 * 3. Run the verb; Ctrl-C ends it, at once or after the current step.
 * 4. Turn whatever was thrown into diagnostics and their exit code.
 */
export const run = async (
  argv: readonly string[],
  streams: Streams,
  services?: Services,
): Promise<ExitCode> => {
  let code: ExitCode = EXIT.done
  const act: Act =
    (work, { finishesStep: option = false, failedJson = problemsJson } = {}) =>
    async (...given) => {
      // Commander hands over the positional arguments, then the flags, then the command.
      const command = given.at(-1) as Command
      const flags = given.at(-2) as RawFlags
      const finishesStep = typeof option === 'function' ? option(flags) : option
      const context = await openContext(streams, services, globalFlags(program), finishesStep)
      const { chdir } = context.flags
      const asked =
        chdir === undefined || isFolder(context.cwd)
          ? work(context, given.slice(0, -2), flags, command)
          : Promise.reject(await noFolder(chdir, context.cwd))
      const asJson = flags.json === true && hasJson(command)
      const working = reported(asked, context, asJson ? failedJson : undefined)
      code = await Promise.race([working, interrupted(context, finishesStep ? GRACE_MS : 0)])
      context.progress.clear()
    }
  const program = buildProgram(act, streams)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return refused(error, program, streams)
    return failed(error, await openContext(streams, services, globalFlags(program)))
  }
}

const openContext = async (
  streams: Streams,
  services: Services | undefined,
  flags: GlobalFlags,
  finishesStep = false,
): Promise<Context> => {
  const { createContext } = await import('./context.ts')
  const real = async (): Promise<Services> =>
    (await import('../app/real-services.ts')).realServices(streams.env)
  const json =
    flags.logFormat === 'json'
      ? (await import('./json-log.ts')).jsonLog(streams, {
          level: flags.logLevel,
          quiet: flags.quiet,
        })
      : undefined
  return createContext(streams, services ?? (await real()), flags, finishesStep, json)
}

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

const noFolder = async (given: string, path: string): Promise<Error> => {
  const { diagnostic } = await import('../domain/diagnostic.ts')
  const why = existsSync(path) ? `${path} is no folder` : `there is no folder ${path}`
  return new FerryError(
    diagnostic({
      code: 'FERRY1105',
      detail: `--chdir cannot be ${JSON.stringify(given)}: ${why}.`,
      fix: 'Give a folder that exists.',
    }),
  )
}

const hasJson = (command: Command): boolean =>
  command.options.some((option) => option.long === '--json')

/** The work's exit code, also when it throws; who wants JSON gets that as JSON too. */
const reported = async (
  working: Promise<ExitCode>,
  context: Context,
  failedJson: FailedJson | undefined,
): Promise<ExitCode> => {
  try {
    return await working
  } catch (error) {
    // Whatever breaks off after Ctrl-C was broken off by it.
    const code = context.stopping.aborted ? saidInterrupted(context) : failed(error, context)
    const problems = context.stopping.aborted ? [] : problemsOf(error)
    const text = await failedJson?.(code, problems, context.streams.now())
    if (text !== undefined) context.print(text)
    return code
  }
}

type FailedJson = NonNullable<NonNullable<Parameters<Act>[1]>['failedJson']>

const problemsJson: FailedJson = async (code, problems) => {
  if (code === EXIT.interrupted) return ''
  const { renderJson } = await import('../views/json.ts')
  return renderJson({ formatVersion: '1.0', problems })
}

/** Resolves when the verb is to be left, whatever it still does; never otherwise. */
const interrupted = (context: Context, graceMs: number): Promise<ExitCode> =>
  new Promise((resolve) => {
    const leave = (): void => {
      setTimeout(() => resolve(saidInterrupted(context)), graceMs).unref()
    }
    if (context.signal.aborted) leave()
    else context.signal.addEventListener('abort', leave, { once: true })
  })

const saidInterrupted = (context: Context): ExitCode => {
  context.progress.clear()
  context.streams.stderr.write('Interrupted.\n')
  return EXIT.interrupted
}

/** What was thrown, as diagnostics. Anything but a FerryError is a bug, and is shown without its stack unless debugging is on. */
const failed = (error: unknown, context: Context): ExitCode => {
  const diagnostics = problemsOf(error)
  context.tell(diagnostics)
  if (context.flags.logLevel === 'debug') context.streams.stderr.write(`${stackOf(error)}\n`)
  const code = exitCodeFor(diagnostics)
  return code === EXIT.done ? EXIT.error : code
}

const problemsOf = (error: unknown): readonly Diagnostic[] =>
  error instanceof FerryError ? error.diagnostics : [internal(error)]

const internal = (error: unknown): Diagnostic => ({
  code: 'FERRY1901',
  severity: 'error',
  summary: 'Internal error',
  detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  fix: 'Run the same again with --log-level debug and report what it prints.',
})

const stackOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`
}

/** What commander threw: help and version are answers, everything else is a usage error in our own words. */
const refused = async (
  error: CommanderError,
  program: Command,
  streams: Streams,
): Promise<ExitCode> => {
  const answers = ['commander.helpDisplayed', 'commander.version']
  if (answers.includes(error.code) || (error.code === 'commander.help' && error.exitCode === 0)) {
    return EXIT.done
  }
  const { usageDiagnostic } = await import('./usage-diagnostic.ts')
  const { createContext } = await import('./context.ts')
  const diagnostics = [usageDiagnostic(error, program)]
  // Services are never used to say that a flag is unknown.
  createContext(streams, undefined as never, globalFlags(program)).tell(diagnostics)
  return exitCodeFor(diagnostics)
}
