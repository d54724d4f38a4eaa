import { relative } from 'node:path'
import { Command } from 'commander'
import type { FormatResult } from '../../app/format-files.ts'
import { isSet, names } from '../args.ts'
import type { Context } from '../context.ts'
import { EXIT, exitCodeFor } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** Formats files of the project, or only looks which are not in canonical form. Asks no broker. */
export const fmt = async (
  context: Context,
  files: readonly string[],
  check: boolean,
): Promise<FormatResult> => {
  const { formatFiles } = await import('../../app/format-files.ts')
  return formatFiles({
    cwd: context.cwd,
    projectFile: context.flags.project,
    env: context.streams.env,
    files,
    write: !check,
  })
}

export const fmtCommand = (act: Act): Command =>
  new Command('fmt')
    .summary('bring files into canonical form')
    .description(
      'Writes the files of the project in canonical form: keys in the order of the schemas, two spaces of indentation. Comments stay with what they stand above or behind, and values stay as they are written; a file of which either would be lost is left alone. Prints the files that it changed.',
    )
    .argument('[file...]', 'files; all of the project if none is named')
    .option(
      '--check',
      'change nothing; list the files that are not in canonical form, and exit with 1 if there are any',
    )
    .action(
      act(async (context, args, flags) => {
        const check = isSet(flags, 'check')
        const { changed, problems } = await fmt(context, names(args), check)
        for (const file of changed) context.print(`${relative(context.cwd, file)}\n`)
        context.tell(problems)
        if (check && changed.length > 0) return EXIT.error
        return exitCodeFor(problems)
      }),
    )
