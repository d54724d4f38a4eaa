import { type Command, InvalidArgumentError, Option } from 'commander'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const LOG_FORMATS = ['text', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

export type LogLevel = (typeof LOG_LEVELS)[number]

/** Flags that every verb takes, before or after its name. */
export interface GlobalFlags {
  readonly chdir: string | undefined
  readonly project: string | undefined
  readonly color: boolean
  readonly quiet: boolean
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  readonly input: boolean
}

const notEmpty = (value: string): string => {
  if (value === '') throw new InvalidArgumentError('It is empty.')
  return value
}

export const addGlobalFlags = (program: Command): Command =>
  program
    .option('--chdir <dir>', 'work in this folder, as if Ferry had been started there', notEmpty)
    .option('--project <file>', 'the project file (default: ferry.yaml)', notEmpty)
    .option('--no-color', 'no colours; NO_COLOR in the environment does the same')
    .option('--quiet', 'no progress: only the result, warnings and errors')
    .addOption(
      new Option('--log-level <level>', 'how much of its own work Ferry tells on stderr')
        .choices(LOG_LEVELS)
        .default('warn'),
    )
    .addOption(
      new Option('--log-format <format>', 'json: what goes to stderr as one JSON object a line')
        .choices(LOG_FORMATS)
        .default('text'),
    )
    .addOption(
      new Option('--input <answer>', '--input=false never asks, also on a terminal')
        .choices(['true', 'false'])
        .default('true'),
    )

export const globalFlags = (program: Command): GlobalFlags => {
  const raw = program.opts<{
    chdir?: string
    project?: string
    color: boolean
    quiet?: boolean
    logLevel: LogLevel
    logFormat: LogFormat
    input: string
  }>()
  return {
    chdir: raw.chdir,
    project: raw.project,
    color: raw.color,
    quiet: raw.quiet ?? false,
    logLevel: raw.logLevel,
    logFormat: raw.logFormat,
    input: raw.input !== 'false',
  }
}
