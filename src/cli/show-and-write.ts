import { resolve } from 'node:path'
import type { PlannedMigration } from '../app/apply-plans.ts'
import type { Context } from './context.ts'
import { type ExitCode, exitCodeFor } from './exit-codes.ts'

/** Shows one plan and keeps it in a file for `ferry apply FILE`; runs nothing. */
export const showAndWrite = async (
  context: Context,
  { plan, warnings }: PlannedMigration,
  options: { readonly json: boolean; readonly output: string },
): Promise<ExitCode> => {
  const { renderPlan } = await import('../views/plan.ts')
  const { renderPlansJson } = await import('../views/json.ts')
  const { writePlanFile } = await import('../app/plan-file.ts')
  const words = await context.services.stepWords()
  context.print(
    options.json ? renderPlansJson([plan], true) : renderPlan(plan, words, context.style),
  )
  context.tell([...plan.problems, ...warnings])
  await writePlanFile(resolve(context.cwd, options.output), plan)
  context.progress.note(
    `The plan is in ${options.output}; to run it: ferry apply ${options.output}`,
  )
  return exitCodeFor(plan.problems)
}
