import type { Command } from 'commander'
import type { planFor } from '../app/apply-plans.ts'
import type { Session } from '../app/open-session.ts'
import { collected, durationFlag, isSet, listFlag, names, outputFlag } from './args.ts'
import { type Context, planOptions, withSession } from './context.ts'
import type { ExitCode } from './exit-codes.ts'
import { showAndRun } from './run-plans.ts'
import { showAndWrite } from './show-and-write.ts'
import type { Act, RawFlags } from './verb.ts'

/** What verbs take that plan one migration for a purpose of its own, show the plan, ask, and run it. */
export interface OnePlanArgs {
  readonly name: string
  /** Where the plan is written, instead of being run. */
  readonly output: string | undefined
  readonly autoApprove: boolean
  readonly waitMs: number | undefined
  readonly confirm: readonly string[]
  readonly json: boolean
}

export const onePlanArgs = (
  args: readonly unknown[],
  flags: RawFlags,
  cwd: string,
): OnePlanArgs => ({
  name: names(args)[0] ?? '',
  output: outputFlag(flags, cwd),
  autoApprove: isSet(flags, 'autoApprove'),
  waitMs: durationFlag(flags, 'wait'),
  confirm: listFlag(flags, 'confirm'),
  json: isSet(flags, 'json'),
})

type PurposeOf = Parameters<typeof planFor>[1]

/** `again` is the command that goes on where this one stopped. */
export const runOnePlan = async (
  context: Context,
  args: OnePlanArgs,
  purpose: PurposeOf,
  again: (migration: string) => string,
): Promise<ExitCode> => {
  const { planFor } = await import('../app/apply-plans.ts')
  const plan = (session: Session) => planFor(session, purpose, planOptions(context))
  const { output } = args
  if (output !== undefined) {
    const planned = await withSession(context, [args.name], plan)
    return showAndWrite(context, planned, { json: args.json, output })
  }
  return showAndRun(
    context,
    {
      names: [args.name],
      plan: async (session) => [await plan(session)],
      approved: args.autoApprove,
      confirm: args.confirm,
      waitMs: args.waitMs,
      until: undefined,
    },
    { json: args.json, again },
  )
}

/** The flags of {@link onePlanArgs}, after those of the verb itself, and its action. */
export const addOnePlan = (command: Command, act: Act, work: Parameters<Act>[0]): Command =>
  command
    .option('-o, --output <file>', 'write the plan to a file for `ferry apply FILE` and do nothing')
    .option('--auto-approve', 'do not ask')
    .option(
      '--wait <duration>',
      'how long to wait at a gate, instead of gates.timeout; 0s checks once',
    )
    .option(
      '--confirm <name>',
      'the plan has steps that cannot be undone, and they may run',
      collected,
      [],
    )
    .option(
      '--json',
      'what happens as JSON: an event a line, the last one `finished`; with -o the plan',
    )
    .action(
      act(work, {
        finishesStep: true,
        failedJson: async (...end) => (await import('./apply-teller.ts')).lastLine(...end),
      }),
    )
