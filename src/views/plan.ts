import { type NoReturn, noReturnOf } from '../domain/no-return.ts'
import type { Plan } from '../domain/plan.ts'
import { orderInWords } from '../domain/planned-order.ts'
import type { Step } from '../domain/step.ts'
import type { StepDescription } from '../steps/step-kind.ts'
import type { StepWords } from './step-words.ts'
import type { Style } from './style.ts'
import { colourOf } from './symbols.ts'
import { count, hanging, MAX_COLUMNS, moment, printable, wrap } from './text.ts'

interface Row extends StepDescription {
  readonly step: Step
  readonly undo: string
  readonly gates: readonly string[]
}
interface Widths {
  readonly noun: number
  readonly name: number
  readonly says: number
  readonly undo: number
}

/** Wider names and undo texts are wrapped or moved to a line of their own, so that the sentence keeps most of the line. */
const WIDEST_NAME = 28
const WIDEST_UNDO = 30
const UNDO = 'undo: '

/**
 * A plan for people, always on 100 columns so that it looks the same in a terminal, a log and a review.
 * Problems are not part of it: they are diagnostics and are shown as such.
 */
export const renderPlan = (plan: Plan, words: StepWords, style: Style): string => {
  const blocked = renderBlocked(plan, style)
  if (plan.steps.length === 0) return `${[...blocked, renderNoChanges(plan)].join('\n')}\n`
  const rows = plan.steps.map((step) => toRow(step, words))
  const widths = measure(rows)
  const noReturn = noReturnOf(plan)
  const lines = [
    style.bold(
      `${plan.migration}: ${plan.from} -> ${plan.to}, ${plan.clusters.source.name} -> ${plan.clusters.target.name}`,
    ),
  ]
  let stage: string | undefined
  rows.forEach((row, index) => {
    if (row.step.stage !== stage) {
      stage = row.step.stage
      lines.push('', style.bold(stage))
    }
    if (index === noReturn?.before) lines.push(ruled(noReturnTitle(noReturn), style))
    lines.push(...renderRow(row, widths, style))
  })
  if (noReturn === null) lines.push(ruled('point of no return: none in this plan', style))
  else if (noReturn.before === rows.length) lines.push(ruled(noReturnTitle(noReturn), style))
  lines.push('', ...blocked, renderSummary(plan.steps, words))
  lines.push(...renderOrder(plan), ...renderDeadline(plan))
  return `${lines.join('\n')}\n`
}

/** Whoever keeps only stdout must not take it for a plan that can run. */
const renderBlocked = ({ problems }: Plan, style: Style): readonly string[] => {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  return errors === 0
    ? []
    : [style.error(`Blocked by ${count(errors, 'error')}: apply refuses this plan.`)]
}

const renderNoChanges = (plan: Plan): string =>
  plan.problems.some(({ severity }) => severity === 'error')
    ? `No steps. ${plan.migration} is at stage ${plan.from}; the plan file asks for ${plan.to}.`
    : plan.from === plan.to
      ? `No changes. ${plan.migration} is at stage ${plan.to}, as the plan file asks.`
      : `No steps. ${plan.migration} is at stage ${plan.from}; apply takes it to ${plan.to}, which needs none.`

/** `Plan: 2 to add, 0 to change, 0 to destroy; 1 to mirror, 1 group to sync.` */
export const renderSummary = (steps: readonly Step[], words: StepWords): string => {
  const symbols = steps.map((step) => words.describe(step).symbol)
  const having = (symbol: string): number => symbols.filter((each) => each === symbol).length
  const ofKind = (kind: Step['kind']): number => steps.filter((step) => step.kind === kind).length
  const accepted = ofKind('accept-gap')
  const mirrored = ofKind('mirror-topic')
  const synced = ofKind('sync-group')
  const sealed = ofKind('seal-topic')
  const moved = [
    ...(accepted > 0 ? [`${count(accepted, 'gap')} to accept`] : []),
    ...(mirrored > 0 ? [`${mirrored} to mirror`] : []),
    ...(synced > 0 ? [`${count(synced, 'group')} to sync`] : []),
    ...(sealed > 0 ? [`${count(sealed, 'topic')} to seal`] : []),
  ]
  const changed = `${having('+')} to add, ${having('~')} to change, ${having('-')} to destroy`
  return `Plan: ${[changed, ...(moved.length > 0 ? [moved.join(', ')] : [])].join('; ')}.`
}

const renderOrder = ({ order }: Plan): readonly string[] =>
  order === undefined ? [] : [hanging('', `Order: ${orderInWords(order)}.`, MAX_COLUMNS)]

const renderDeadline = (plan: Plan): readonly string[] => {
  const first = [...plan.deadlines].sort((one, other) => (one.at < other.at ? -1 : 1))[0]
  if (first === undefined) return []
  const until = `Valid until ${moment(first.at, plan.createdAt)}`
  return [hanging('', `${until}: ${first.says.replace(/\.$/, '')}.`, MAX_COLUMNS)]
}

const toRow = (step: Step, words: StepWords): Row => {
  const description = words.describe(step)
  return {
    ...description,
    noun: printable(description.noun),
    name: printable(description.name),
    step,
    undo: step.undo.says === '' ? step.undo.cost : step.undo.says,
    gates: words.gates(step),
  }
}

const measure = (rows: readonly Row[]): Widths => {
  const noun = widest(
    rows.map((row) => row.noun),
    MAX_COLUMNS,
  )
  const name = widest(
    rows.map((row) => row.name),
    WIDEST_NAME,
  )
  const undo = widest(
    rows.map((row) => `${UNDO}${row.undo}`),
    WIDEST_UNDO,
  )
  return { noun, name, undo, says: MAX_COLUMNS - noun - name - undo - '  + '.length - 3 * 2 }
}

/** Of those that keep the limit: one long name must not take the room of all sentences. */
const widest = (texts: readonly string[], limit: number): number => {
  const fitting = texts.map((text) => text.length).filter((length) => length <= limit)
  return fitting.length === 0 ? limit : Math.max(...fitting)
}

const renderRow = (row: Row, widths: Widths, style: Style): readonly string[] => {
  const colour = colourOf(row.symbol, style)
  const says = wrap(row.says, widths.says)
  const undo = wrap(row.undo, widths.undo - UNDO.length)
  const margin = ' '.repeat('  + '.length + widths.noun + 2 + widths.name + 2)
  const head = `  ${colour(row.symbol)} ${row.noun.padEnd(widths.noun)}  ${row.name.padEnd(widths.name)}  `
  const tooLong = row.name.length > widths.name
  const body = Array.from({ length: Math.max(says.length, undo.length) }, (_, index) => {
    const left = (says[index] ?? '').padEnd(widths.says)
    const right = `${index === 0 ? UNDO : ' '.repeat(UNDO.length)}${undo[index] ?? ''}`
    const start = index === 0 && !tooLong ? head : margin
    return right.trim() === ''
      ? `${start}${left}`.trimEnd()
      : `${start}${left}  ${style.dim(right)}`
  })
  const gates = row.gates.map((gate) =>
    hanging(`${margin}! `, `waits until ${gate}`, MAX_COLUMNS).replace('!', style.warning('!')),
  )
  return [...(tooLong ? [head.trimEnd()] : []), ...body, ...gates]
}

const noReturnTitle = ({ once }: NoReturn): string =>
  once === null ? 'point of no return' : shortened(`point of no return: ${printable(once)}`)

/** A line has one line. */
const shortened = (title: string): string =>
  title.length <= MAX_COLUMNS - 10
    ? title
    : 'point of no return: once producers write on the target'

/** A line across the page with its title in the middle. */
const ruled = (title: string, style: Style): string => {
  const room = MAX_COLUMNS - 2 - title.length - 2
  const left = Math.floor(room / 2)
  return style.warning(`  ${'-'.repeat(left)} ${title} ${'-'.repeat(room - left)}`)
}
