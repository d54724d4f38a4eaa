import type { AppliedStep, ApplyResult, StepOutcome } from '../applier/apply-options.ts'
import type { Plan } from '../domain/plan.ts'
import { actedNow } from './acted-now.ts'
import type { StepWords } from './step-words.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { count, listed } from './text.ts'

/** What became of one plan. */
export interface AppliedPlan {
  readonly plan: Plan
  readonly result: ApplyResult
}

/** How an outcome is called in front of people. */
export const OUTCOME_WORDS: Readonly<Record<StepOutcome, string>> = {
  done: 'done',
  failed: 'failed',
  waiting: 'waiting',
  notStarted: 'not started',
}

/** `3/7 mirror orders.events` */
export const renderLiveStep = (index: number, of: number, title: string): string =>
  `${index + 1}/${of} ${title}`

/** Every step with what became of it, the verdict and what to do next. `again` is the command that goes on. */
export const renderApplied = (
  { plan, result }: AppliedPlan,
  words: StepWords,
  again: string,
  style: Style,
): string => {
  const named = new Map(plan.steps.map((step) => [step.id, words.describe(step)]))
  const times = new Map<string, number>()
  for (const { noun, name } of named.values()) {
    const title = `${noun} ${name}`
    times.set(title, (times.get(title) ?? 0) + 1)
  }
  const isAlone = (title: string) => (times.get(title) ?? 0) < 2
  const rows = result.steps.map(({ id, outcome, earlier }) => {
    const { noun = '', name = id, says = '' } = named.get(id) ?? {}
    // Some rights of a user come before a gate and some behind it.
    const what = isAlone(`${noun} ${name}`) ? name : `${name}: ${says}`
    return [earlier ? 'done before' : OUTCOME_WORDS[outcome], noun, what]
  })
  const list = table([{ title: 'result' }, { title: 'step' }, { title: '' }], rows)
  const said = verdict(plan, result, again, style)
  return rows.length === 0 ? `${said}\n` : `${list}\n\n${said}\n`
}

const verdict = (plan: Plan, result: ApplyResult, again: string, style: Style): string => {
  const counts = renderResultCounts(result.steps)
  const stage = result.stage === undefined ? '' : ` ${plan.migration} is at stage ${result.stage}.`
  const goOn = `\nTo go on: ${again} (what is done is not done again).`
  switch (result.status) {
    case 'done':
      return `${style.good('Applied')}: ${counts}.${stage}`
    case 'waiting':
      return `${style.warning('Waiting')} at a gate: ${counts}.${stage}${goOn}`
    case 'interrupted':
      return `${style.warning('Interrupted')}: ${counts}.${stage}${goOn}`
    case 'failed':
      return actedNow(result)
        ? `${style.error('Failed')}: ${counts}.${stage} See to the errors.${goOn}`
        : `${style.error('Not applied')}: this run changed nothing.${stage}`
  }
}

/** `3 steps done, 1 waiting and 2 not started` */
export const renderResultCounts = (steps: readonly AppliedStep[]): string => {
  const parts = (['done', 'failed', 'waiting', 'notStarted'] as const)
    .map((outcome) => [outcome, steps.filter((step) => step.outcome === outcome).length] as const)
    .filter(([, n]) => n > 0)
    .map(([outcome, n], index) => `${index === 0 ? count(n, 'step') : n} ${OUTCOME_WORDS[outcome]}`)
  return parts.length === 0 ? 'no steps' : listed(parts)
}
