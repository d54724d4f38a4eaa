import { Command } from 'commander'
import type { Migration } from '../../domain/migration.ts'
import { type ReachedStage, STAGES, stageRank, stagesInOrder } from '../../domain/stage.ts'
import { textFlag, wrongUse } from '../args.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { addOnePlan, type OnePlanArgs, onePlanArgs, runOnePlan } from '../run-one-plan.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface RollbackArgs extends OnePlanArgs {
  /** Absent: the stage of the file if that lies behind, else the one before the stage that was reached. */
  readonly to: ReachedStage | undefined
}

const GOALS: readonly ReachedStage[] = ['nothing', ...STAGES]

export const rollbackArgs = (
  args: readonly unknown[],
  flags: RawFlags,
  cwd: string,
): RollbackArgs => {
  const text = textFlag(flags, 'to')
  const to = GOALS.find((stage) => stage === text)
  if (text !== undefined && to === undefined) {
    throw wrongUse(`--to cannot be ${JSON.stringify(text)}.`, `Give one of: ${GOALS.join(', ')}.`)
  }
  return { ...onePlanArgs(args, flags, cwd), to }
}

/** Where a rollback without `--to` ends. */
export const defaultGoal = (
  { stage, order }: Pick<Migration, 'stage' | 'order'>,
  reached: ReachedStage,
): ReachedStage => {
  const rank = stageRank(reached, order)
  return stageRank(stage, order) < rank ? stage : (stagesInOrder(order)[rank - 2] ?? 'nothing')
}

export const rollback = (context: Context, args: RollbackArgs): Promise<ExitCode> =>
  runOnePlan(
    context,
    args,
    ({ migration, state }) => ({
      kind: 'rollback',
      to: args.to ?? defaultGoal(migration, state.stage),
    }),
    (name) => `ferry rollback ${name}${args.to === undefined ? '' : ` --to ${args.to}`}`,
  )

export const rollbackCommand = (act: Act): Command =>
  addOnePlan(
    new Command('rollback')
      .summary('go back to an earlier stage')
      .description(
        'Plans the way back from what was really done, shows it with what it costs, asks, and does it: rights that Ferry granted are taken back first, groups return to the source at exactly the record that they would read next on the target, and what Ferry made is removed. Refused where records would be lost: then the plan names them. The plan file is not changed: lower its stage too, or the next apply goes forward again.',
      )
      .argument('<name>', 'a migration')
      .option(
        '--to <stage>',
        'where to go back to: a stage, or nothing; default: the stage of the plan file if it lies behind, else the one before',
      ),
    act,
    async (context, raw, flags) => rollback(context, rollbackArgs(raw, flags, context.cwd)),
  )
