import { Command } from 'commander'
import type { LoadedProject } from '../../app/services.ts'
import { notSupported } from '../../domain/not-supported.ts'
import { isSet } from '../args.ts'
import type { Context } from '../context.ts'
import { exitCodeFor } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** Reads and checks every file of the project, and that this version can do what they ask for. Asks no broker. */
export const validate = async (context: Context): Promise<LoadedProject> => {
  const loaded = await context.services.loadProject({
    cwd: context.cwd,
    projectFile: context.flags.project,
  })
  const migrations = [...(loaded.project?.migrations.values() ?? [])]
  return { ...loaded, diagnostics: [...loaded.diagnostics, ...migrations.flatMap(notSupported)] }
}

export const validateCommand = (act: Act): Command =>
  new Command('validate')
    .summary('check every file of the project, without asking a broker')
    .description(
      'Reads ferry.yaml, all cluster files and all plan files, and reports everything that is wrong with them at once, with file, line and column. Asks no broker and changes nothing.',
    )
    .option('--json', 'as JSON')
    .action(
      act(async (context, _, flags) => {
        const result = await validate(context)
        const { renderValidateJson, renderValidated } = await import('../../views/validate.ts')
        context.tell(result.diagnostics)
        const code = exitCodeFor(result.diagnostics)
        if (isSet(flags, 'json')) context.print(renderValidateJson(result))
        else if (code === 0) context.print(renderValidated(result))
        return code
      }),
    )
