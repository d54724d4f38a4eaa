import { resolve } from 'node:path'
import { replaceText } from '../app/write-text.ts'
import type { FerryError } from '../domain/diagnostic.ts'
import type { Plan } from '../domain/plan.ts'
import { wrongUse } from './args.ts'
import type { Context } from './context.ts'

/** Plans as text, or JSON, and as Markdown in a file or instead of the text. */
export const printPlans = async (
  context: Context,
  plans: readonly Plan[],
  how: { readonly json: boolean; readonly markdown: string | undefined; readonly single: boolean },
): Promise<void> => {
  const { renderPlan } = await import('../views/plan.ts')
  const { renderPlansJson } = await import('../views/json.ts')
  const words = await context.services.stepWords()
  if (how.markdown === undefined) return context.print(text())
  const { renderPlansMarkdown } = await import('../views/plan-markdown.ts')
  const markdown = renderPlansMarkdown(plans, words, context.cwd)
  if (how.markdown === '-') return context.print(markdown)
  context.print(text())
  await replaceText(resolve(context.cwd, how.markdown), markdown)

  function text(): string | Iterable<string> {
    return how.json
      ? renderPlansJson(plans, how.single)
      : plans.map((each) => renderPlan(each, words, context.style)).join('\n')
  }
}

export const twoResults = (): FerryError =>
  wrongUse('--json and --markdown - both want stdout.', 'Give --markdown a file.')
