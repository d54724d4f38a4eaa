import { Command } from 'commander'
import type { Migration } from '../../domain/migration.ts'
import { type ReachedStage, STAGES, stageRank, stagesInOrder } from '../../domain/stage.ts'
import { durationFlag, isSet, listFlag, names, textFlag, wrongUse } from '../args.ts'
import { type Context, planOptions, withSession } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { showAndRun } from '../run-plans.ts'
import { showAndWrite } from '../show-and-write.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface RollbackArgs {
  readonly name: string
  /** Absent: the stage of the file if that lies behind, else the one before the stage that was reached. */
  readonly to: ReachedStage | undefined
  readonly output: string | undefined
  readonly autoApprove: boolean
  readonly waitMs: number | undefined
  readonly confirm: readonly string[]
  readonly json: boolean
}

const GOALS: readonly ReachedStage[] = ['nothing', ...STAGES]

export const rollbackArgs = (args: readonly unknown[], flags: RawFlags): RollbackArgs => {
  const text = textFlag(flags, 'to')
  const to = GOALS.find((stage) => stage === text)
  if (text !== undefined && to === undefined) {
    throw wrongUse(`--to cannot be ${JSON.stringify(text)}.`, `Give one of: ${GOALS.join(', ')}.`)
  }
  return {
    name: names(args)[0] ?? '',
    to,
    output: textFlag(flags, 'output'),
    autoApprove: isSet(flags, 'autoApprove'),
    waitMs: durationFlag(flags, 'wait'),
    confirm: listFlag(flags, 'confirm'),
    json: isSet(flags, 'json'),
  }
}

/** Where a rollback without `--to` ends. */
export const defaultGoal = (
  { stage, order }: Pick<Migration, 'stage' | 'order'>,
  reached: ReachedStage,
): ReachedStage => {
  const rank = stageRank(reached, order)
  return stageRank(stage, order) < rank ? stage : (stagesInOrder(order)[rank - 2] ?? 'nothing')
}

export const rollback = async (context: Context, args: RollbackArgs): Promise<ExitCode> => {
  const { planFor } = await import('../../app/apply-plans.ts')
  const plan = (session: Parameters<typeof planFor>[0]) =>
    planFor(
      session,
      ({ migration, state }) => ({
        kind: 'rollback',
        to: args.to ?? defaultGoal(migration, state.stage),
      }),
      planOptions(context),
    )
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
    {
      json: args.json,
      again: (name) => `ferry rollback ${name}${args.to === undefined ? '' : ` --to ${args.to}`}`,
    },
  )
}

export const rollbackCommand = (act: Act): Command =>
  new Command('rollback')
    .summary('go back to an earlier stage')
    .description(
      'Plans the way back from what was really done, shows it with what it costs, asks, and does it: rights that Ferry granted are taken back first, groups return to the source at exactly the record that they would read next on the target, and what Ferry made is removed. Refused where records would be lost: then the plan names them. The plan file is not changed: lower its stage too, or the next apply goes forward again.',
    )
    .argument('<name>', 'a migration')
    .option(
      '--to <stage>',
      'where to go back to: a stage, or nothing; default: the stage of the plan file if it lies behind, else the one before',
    )
    .option('-o, --output <file>', 'write the plan to a file for `ferry apply FILE` and do nothing')
    .option('--auto-approve', 'do not ask')
    .option(
      '--wait <duration>',
      'how long to wait at a gate, instead of gates.timeout; 0s checks once',
    )
    .option(
      '--confirm <name>',
      'the plan has steps that cannot be undone, and they may run',
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option(
      '--json',
      'what happens as JSON: an event a line, the last one `finished`; with -o the plan',
    )
    .action(
      act(async (context, raw, flags) => rollback(context, rollbackArgs(raw, flags)), {
        finishesStep: true,
        failedJson: async (...end) => (await import('../apply-teller.ts')).lastLine(...end),
      }),
    )
