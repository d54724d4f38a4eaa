import type { Command } from 'commander'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit-codes.ts'

/**
 * How a verb is hung into the command line. `build` says what its flags are; the action hands over to `Act`, which knows the context.
 * A verb's file imports nothing heavy by itself: all of them are loaded for `ferry --help`.
 */
export interface Verb {
  readonly name: string
  build(act: Act): Command
}

/**
 * Makes the action of a command. The work gets the context, the positional arguments and the raw flags, both as commander read them,
 * and the command itself, and answers the exit code.
 */
export type Act = (
  work: (
    context: Context,
    args: readonly unknown[],
    flags: RawFlags,
    command: Command,
  ) => Promise<ExitCode>,
  options?: {
    /** True for verbs that change something, or have no other end: Ctrl-C lets them end by themselves first. */
    readonly finishesStep?: boolean | ((flags: RawFlags) => boolean)
    /** With --json, what is printed where the work throws; an object with the problems where this is absent. */
    readonly failedJson?: (
      code: ExitCode,
      problems: readonly Diagnostic[],
      now: Date,
    ) => Promise<string>
  },
) => (...commander: unknown[]) => Promise<void>

export type RawFlags = Readonly<Record<string, unknown>>
