import type { Command } from 'commander'
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
    /** True for verbs that change something: Ctrl-C lets the current step end first. */
    readonly finishesStep?: boolean
  },
) => (...commander: unknown[]) => Promise<void>

export type RawFlags = Readonly<Record<string, unknown>>
