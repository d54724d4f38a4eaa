import { resolve } from 'node:path'
import { Command } from 'commander'
import type { MadePlan } from '../../app/make-plan.ts'
import {
  collected,
  isSet,
  listFlag,
  MAX_DESTROY,
  maxDestroyFlag,
  names,
  outputFlag,
  textFlag,
  wrongUse,
} from '../args.ts'
import { type Context, planOptions, withSession } from '../context.ts'
import { EXIT, type ExitCode, exitCodeFor } from '../exit-codes.ts'
import { printPlans, twoResults } from '../print-plans.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface PlanArgs {
  /** Empty: all migrations of the project. */
  readonly names: readonly string[]
  readonly output: string | undefined
  readonly detailedExitcode: boolean
  readonly json: boolean
  /** Where the Markdown goes; `-`: to stdout, instead of the text for people. */
  readonly markdown: string | undefined
  /** Groups that may be taken back. */
  readonly allowRewind: readonly string[]
  readonly maxDestroy: number | undefined
}

export const planArgs = (args: readonly unknown[], flags: RawFlags, cwd: string): PlanArgs => {
  const parsed = {
    names: names(args),
    output: outputFlag(flags, cwd),
    detailedExitcode: isSet(flags, 'detailedExitcode'),
    json: isSet(flags, 'json'),
    markdown: textFlag(flags, 'markdown'),
    allowRewind: listFlag(flags, 'allowRewind'),
    maxDestroy: maxDestroyFlag(flags),
  }
  if (parsed.json && parsed.markdown === '-') throw twoResults()
  if (parsed.output !== undefined && parsed.names.length !== 1) {
    throw wrongUse(
      `-o takes the plan of one migration; ${parsed.names.length === 0 ? 'none was named' : `${parsed.names.length} were named`}.`,
      'Name one: `ferry plan NAME -o FILE`.',
    )
  }
  return parsed
}

/** One plan for each migration, in order. Takes no lock and writes nothing to a cluster. */
export const plan = (context: Context, args: PlanArgs): Promise<readonly MadePlan[]> =>
  withSession(context, args.names, async (session) => {
    const { makePlan } = await import('../../app/make-plan.ts')
    const { allowingRewind, checkRewinds } = await import('../../app/allow-rewind.ts')
    checkRewinds(session.migrations, args.allowRewind)
    const options = { ...planOptions(context), maxDestroy: args.maxDestroy }
    const made: MadePlan[] = []
    for (const migration of session.migrations) {
      const planned = allowingRewind(migration, args.allowRewind)
      made.push(await makePlan(session, planned, options))
    }
    return made
  })

/** Blocked is more than pending: a pipeline must not take a plan that cannot run for one that can. */
export const planExitCode = (made: readonly MadePlan[], args: PlanArgs): ExitCode => {
  const blocked = exitCodeFor(made.flatMap((each) => each.plan.problems))
  if (blocked !== EXIT.done) return blocked
  const pending = made.some(({ plan: { steps, from, to } }) => steps.length > 0 || from !== to)
  return args.detailedExitcode && pending ? EXIT.changesPending : EXIT.done
}

export const planCommand = (act: Act): Command =>
  new Command('plan')
    .summary('show what apply would do')
    .description(
      'Reads both clusters and shows every step from where a migration is to the stage that its plan file asks for: what each does, how it is undone, what it waits for, and from where on nothing can be undone. Read-only; takes no lock. A plan with errors is shown and can be written, but apply refuses it.',
    )
    .argument('[name...]', 'migrations; all of the project if none is named')
    .option(
      '-o, --output <file>',
      'write the plan to a file for `ferry apply FILE` (one name only)',
    )
    .option(
      '--allow-rewind <group>',
      'the group may be taken back behind where it is on the target, and reads those records again; can be given several times',
      collected,
      [],
    )
    .option(...MAX_DESTROY)
    .option('--detailed-exitcode', 'exit with 2 if there is something to do')
    .option(
      '--json',
      'the plan as JSON, the same as the plan file; an object with plans unless one name is given',
    )
    .option(
      '--markdown <file>',
      'also write it as Markdown for a pull request, below 65,536 characters; - for stdout instead',
    )
    .action(
      act(async (context, raw, flags) => {
        const args = planArgs(raw, flags, context.cwd)
        const made = await plan(context, args)
        const plans = made.map((each) => each.plan)
        await printPlans(context, plans, { ...args, single: args.names.length === 1 })
        context.tell(made.flatMap((each) => [...each.plan.problems, ...each.warnings]))
        if (args.output !== undefined && plans[0] !== undefined) {
          const { writePlanFile } = await import('../../app/plan-file.ts')
          await writePlanFile(resolve(context.cwd, args.output), plans[0])
          context.progress.note(
            `The plan is in ${args.output}; to run it: ferry apply ${args.output}`,
          )
        }
        return planExitCode(made, args)
      }),
    )
