import { digestOf } from '../domain/canonical-json.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import { type NoReturn, noReturnOf } from '../domain/no-return.ts'
import type { Plan } from '../domain/plan.ts'
import { orderInWords } from '../domain/planned-order.ts'
import type { Step } from '../domain/step.ts'
import type { StepDescription } from '../steps/step-kind.ts'
import { renderCounts, renderPlace, sortedOnce } from './diagnostics.ts'
import { mdCellCode, mdCode, mdText, shorten, sizeOf } from './markdown.ts'
import { renderSummary } from './plan.ts'
import type { StepWords } from './step-words.ts'
import { count, moment, second, thousands } from './text.ts'

/** Comments of the large forges end at 65,536 characters. */
export const MOST_MARKDOWN = 65_536

/** For what is around the lists: headings, the footer, the lines that say what was left out. */
const RESERVED = 8192

/** Shares of the rest; what a section does not need goes to the next. */
const SHARES = { problems: 0.2, deletions: 0.1, deadlines: 0.05, table: 0.4, steps: 0.25 }

/** Below this a plan of many is only its verdict. */
const LEAST_PAGE = RESERVED + 2048

interface Row extends StepDescription {
  readonly step: Step
  readonly gates: readonly string[]
}

/** Several plans in one comment, none of them left out without a word. */
export const renderPlansMarkdown = (
  plans: readonly Plan[],
  words: StepWords,
  cwd: string,
): string => {
  const room = Math.floor((MOST_MARKDOWN - 1) / Math.max(1, plans.length)) - 8
  if (room >= LEAST_PAGE) {
    return `${plans.map((plan) => renderPlanMarkdown(plan, words, cwd, room)).join('\n---\n\n')}`
  }
  const verdicts = plans.map((plan) => `- ${verdictOf(plan, words)}`)
  const { lines, leftOut } = shorten(verdicts, MOST_MARKDOWN - RESERVED)
  const more =
    leftOut === 0 ? [] : [`\n${count(leftOut, 'plan')} of ${thousands(plans.length)} are left out.`]
  return `${count(plans.length, 'plan')}; name one for all of it: \`ferry plan NAME\`\n\n${[...lines, ...more].join('\n')}\n`
}

/**
 * A plan as a comment of a pull request, never longer than `room` characters: the verdict, what stands in the way, what is deleted, from
 * where on nothing can be undone, until when it holds, a table of the steps, and all of them with reasons and gates, folded.
 */
export const renderPlanMarkdown = (
  plan: Plan,
  words: StepWords,
  cwd: string,
  room = MOST_MARKDOWN - 1,
): string => {
  const rows = plan.steps.map((step) => ({
    ...words.describe(step),
    step,
    gates: words.gates(step),
  }))
  const page = new Page(room)
  page.say(`### ${verdictOf(plan, words)}`, '')
  page.list('problems', problemLines(plan.problems, cwd), { noun: 'problem' })
  if (rows.length > 0) {
    const deleted = rows.filter(({ symbol }) => symbol === '-')
    if (deleted.length === 0) page.say('**Deletes** nothing.', '')
    else {
      page.list('deletions', deleted.map(deletionLine), {
        noun: 'deletion',
        before: [`**Deletes ${thousands(deleted.length)}:**`, ''],
      })
    }
    const noReturn = noReturnOf(plan)
    page.say(noReturnLine(noReturn, rows), '')
    if (plan.order !== undefined) page.say(`**Order:** ${mdText(orderInWords(plan.order))}.`, '')
    page.list('deadlines', deadlineLines(plan), { noun: 'deadline' })
    page.list('table', tableLines(noReturn, rows), {
      noun: 'row',
      before: ['| stage | | step | | what | undo |', '| --- | --- | --- | --- | --- | --- |'],
    })
    page.list('steps', rows.map(stepLine), {
      noun: 'step',
      before: [
        `<details><summary>${count(rows.length, 'step')}, with reasons and gates</summary>`,
        '',
      ],
      after: ['', '</details>', ''],
    })
  }
  page.say(...page.leftOut(), footer(plan))
  return page.text()
}

interface Around {
  readonly noun: string
  readonly before?: readonly string[]
  readonly after?: readonly string[]
}

/** Lines that keep to a limit, section by section. */
class Page {
  readonly #lines: string[] = []
  readonly #leftOut: string[] = []
  readonly #room: number
  #carried = 0

  constructor(room: number) {
    this.#room = Math.max(room - RESERVED, 0)
  }

  say(...lines: readonly string[]): void {
    this.#lines.push(...lines)
  }

  list(section: keyof typeof SHARES, lines: readonly string[], around: Around): void {
    const share = SHARES[section] * this.#room + this.#carried
    const kept = shorten(lines, share)
    this.#carried = share - kept.lines.reduce((sum, line) => sum + sizeOf(line), 0)
    if (lines.length === 0) return
    const { noun, before = [], after = [''] } = around
    this.say(...before, ...kept.lines)
    if (kept.leftOut > 0) {
      const what = `${thousands(kept.leftOut)} of ${count(lines.length, noun)}`
      this.say('', `_… and ${thousands(kept.leftOut)} more_`)
      this.#leftOut.push(`${what} (${section})`)
    }
    this.say(...after)
  }

  leftOut(): readonly string[] {
    return this.#leftOut.length === 0
      ? []
      : [
          `**Left out for want of room:** ${this.#leftOut.join(', ')}. \`ferry show FILE\` shows all of the plan.`,
          '',
        ]
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`
  }
}

const verdictOf = (plan: Plan, words: StepWords): string => {
  const where = `${mdCode(plan.migration)}, ${mdCode(plan.clusters.source.name)} → ${mdCode(plan.clusters.target.name)}, ${plan.from} → ${plan.to}`
  const errors = plan.problems.filter((each) => each.severity === 'error')
  if (errors.length > 0) return `🛑 Blocked by ${count(errors.length, 'error')}: ${where}`
  const warned = plan.problems.length > 0 ? ` (${renderCounts(plan.problems)})` : ''
  if (plan.steps.length === 0) return `No changes${warned}: ${where}`
  return `${renderSummary(plan.steps, words).replace(/\.$/, '')}${warned}: ${where}`
}

const problemLines = (problems: readonly Diagnostic[], cwd: string): readonly string[] =>
  sortedOnce(problems).map(({ severity, code, summary, detail, fix, at }) => {
    const place = at === undefined ? '' : ` ${mdCode(renderPlace(at, cwd))}`
    const help = fix === '' ? '' : ` _Fix:_ ${mdText(fix)}`
    return `- ${severity === 'error' ? '🛑' : '⚠️'} **${code} ${mdText(summary)}**${place} ${mdText(detail)}${help}`
  })

const deletionLine = ({ noun, name, says, step }: Row): string =>
  `- ${mdText(noun)} ${mdCode(name)}: ${mdText(says)} — ${mdText(step.reason)}`

const noReturnLine = (noReturn: NoReturn | null, rows: readonly Row[]): string => {
  if (noReturn === null) return '**Point of no return:** none in this plan.'
  const { before, because, once } = noReturn
  const at = once === null ? before : before - 1
  const row = rows[at] as Row
  return `**Point of no return:** ${once === null ? 'before' : 'after'} step ${thousands(at + 1)} of ${thousands(rows.length)}, ${mdText(row.noun)} ${mdCode(row.name)}: ${mdText(because)}.`
}

const deadlineLines = ({ deadlines, createdAt }: Plan): readonly string[] =>
  [...deadlines]
    .sort((one, other) => (one.at < other.at ? -1 : 1))
    .map(({ at, says }) => `**Valid until ${moment(at, createdAt)}:** ${mdText(says)}.  `)

const tableLines = (noReturn: NoReturn | null, rows: readonly Row[]): readonly string[] => {
  const lines = rows.map(
    ({ symbol, noun, name, says, step }) =>
      `| ${step.stage} | \`${symbol}\` | ${mdText(noun)} | ${mdCellCode(name)} | ${mdText(says)} | ${mdText(undoOf(step))} |`,
  )
  if (noReturn !== null) {
    const once = noReturn.once === null ? '' : `, ${mdText(noReturn.once)}`
    lines.splice(noReturn.before, 0, `| | | **point of no return**${once} | | | |`)
  }
  return lines
}

const undoOf = ({ undo }: Step): string => (undo.says === '' ? undo.cost : undo.says)

const stepLine = ({ noun, name, step, gates }: Row, index: number): string =>
  [
    `${index + 1}. ${mdText(noun)} ${mdCode(name)}: ${mdText(step.reason)}`,
    ...gates.map((gate) => `   - waits until ${mdText(gate)}`),
  ].join('\n')

const footer = (plan: Plan): string =>
  `<sub>ferry ${mdText(plan.toolVersion)} · ${second(plan.createdAt)} · plan \`${digestOf(plan)}\`</sub>`
