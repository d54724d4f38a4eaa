import { Command } from 'commander'
import { type CommandLine, type CompletedFlag, SHELLS } from '../../views/command-line.ts'
import { names, wrongUse } from '../args.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

export const completionCommand = (act: Act): Command =>
  new Command('completion')
    .summary('print completions for a shell')
    .description(
      'Prints a script that completes verbs and flags: `source <(ferry completion bash)`, `source <(ferry completion zsh)`, or `ferry completion fish | source`.',
    )
    .argument('<shell>', SHELLS.join(', '))
    .action(
      act(async (context, args, _, command) => {
        const [wanted] = names(args)
        const shell = SHELLS.find((each) => each === wanted)
        if (shell === undefined) {
          throw wrongUse(
            `There are no completions for ${JSON.stringify(wanted)}.`,
            `Give one of ${SHELLS.join(', ')}.`,
          )
        }
        const { renderCompletion } = await import('../../views/completion.ts')
        context.print(renderCompletion(shell, commandLine(command)))
        return EXIT.done
      }),
    )

/** The whole command line as data, read from the program that parses it. */
const commandLine = (command: Command): CommandLine => {
  const program = command.parent ?? command
  return {
    flags: flagsOf(program),
    verbs: program.commands.map((verb) => ({
      name: verb.name(),
      says: verb.summary(),
      flags: flagsOf(verb),
    })),
  }
}

const flagsOf = (command: Command): readonly CompletedFlag[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description, required, optional, argChoices }) =>
      long
        ? [
            {
              long,
              says: description,
              values: required || optional ? (argChoices ?? []) : undefined,
            },
          ]
        : [],
    )
