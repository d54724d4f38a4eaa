import { resolve } from 'node:path'
import { Command } from 'commander'
import type { Plan } from '../../domain/plan.ts'
import { isSet, names, textFlag } from '../args.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { printPlans, twoResults } from '../print-plans.ts'
import type { Act } from '../verb.ts'

/** The plan in a file, as it was made. Asks no broker: whether it still holds is found out by apply. */
export const show = async (context: Context, file: string): Promise<Plan> => {
  const { readPlanFile } = await import('../../app/plan-file.ts')
  return readPlanFile(resolve(context.cwd, file))
}

export const showCommand = (act: Act): Command =>
  new Command('show')
    .summary('show a plan file')
    .description(
      'Shows a plan file as `ferry plan` showed it. Asks no broker and needs no project.',
    )
    .argument('<file>', 'a file that `ferry plan NAME -o FILE` wrote')
    .option('--json', 'as JSON')
    .option(
      '--markdown <file>',
      'also write it as Markdown for a pull request, below 65,536 characters; - for stdout instead',
    )
    .action(
      act(async (context, args, flags) => {
        const [json, markdown] = [isSet(flags, 'json'), textFlag(flags, 'markdown')]
        if (json && markdown === '-') throw twoResults()
        const shown = await show(context, names(args)[0] ?? '')
        await printPlans(context, [shown], { json, markdown, single: true })
        context.tell(shown.problems)
        return EXIT.done
      }),
    )
