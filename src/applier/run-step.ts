import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Step } from '../domain/step.ts'
import type { Gate, Outcome, Run, StepKind } from '../steps/step-kind.ts'
import type { ApplyOptions } from './apply-options.ts'
import { brokenAfter, type ClosedGate, waitForGates } from './gates.ts'
import type { PlanJournal } from './plan-journal.ts'
import { errorsAmong, gateBroke, isAbort, isWait, problemsOf, stoppedAtGates } from './problems.ts'

export type StepEnd =
  | { readonly outcome: 'done'; readonly problems: readonly [] }
  /** Refused before its intent was written. */
  | { readonly outcome: 'notStarted'; readonly problems: readonly Diagnostic[] }
  | { readonly outcome: 'failed' | 'waiting'; readonly problems: readonly Diagnostic[] }
  | { readonly outcome: 'interrupted'; readonly problems: readonly [] }

export interface StepParts {
  readonly step: Step
  readonly kind: StepKind<Step>
  readonly run: Run
  readonly journal: PlanJournal
  readonly options: ApplyOptions
  /** Called right before the intent is written. */
  readonly begun: () => void
}

/**
 * One step.
 * 1. What the plan counts on must still be so.
 * 2. Its gates must hold; what a wait has made old is asked again.
 * 3. Write the intent.
 * 4. Do it; where it took back what it was about to do, go on at 2.
 * 5. Gates that must outlast the step must still hold.
 * 6. Write the result. Where an interrupt left the step there is none: the next run looks before it acts.
 */
export const runStep = async (parts: StepParts): Promise<StepEnd> => {
  const { step, kind, run, journal, options } = parts
  let isBegun = false
  const refused = (problems: readonly Diagnostic[]): StepEnd => ({
    outcome: isBegun ? 'failed' : 'notStarted',
    problems,
  })
  const waitingRun = { ...run, signal: AbortSignal.any([options.signal, options.stopping]) }
  try {
    const broken = await brokenInvariants(parts)
    if (broken.length > 0) return refused(broken)

    const gates = kind.gates(step)
    for (;;) {
      const { closed, waited } = await waitForGates(gates, waitingRun, options.pause)
      if (closed.length > 0) return await stopAtGates(parts, closed)
      const brokenMeanwhile = waited ? await brokenInvariants(parts) : []
      if (brokenMeanwhile.length > 0) return refused(brokenMeanwhile)
      waitingRun.signal.throwIfAborted()

      isBegun = true
      parts.begun()
      await journal.append({ kind: 'intent', step: step.id })
      const outcome = await applyStep(parts, kind.interruptible ? waitingRun : run, gates)
      if (outcome !== 'again') return await writeResult(parts, outcome)
    }
  } catch (error) {
    if (isAbort(error, waitingRun.signal)) return { outcome: 'interrupted', problems: [] }
    return refused(problemsOf(error, options.debug ?? false))
  }
}

interface Applied {
  readonly facts: Readonly<Record<string, unknown>>
  readonly problems: readonly Diagnostic[]
}

const applyStep = async (
  { step, kind, options }: StepParts,
  run: Run,
  gates: readonly Gate[],
): Promise<Applied | 'again'> => {
  try {
    const outcome: Outcome = await kind.apply(step, run)
    if ('again' in outcome) {
      run.report(outcome.again)
      return 'again'
    }
    if (!outcome.done) return { facts: {}, problems: [outcome.problem] }
    const closed = await brokenAfter(gates, run, options.pause)
    return { facts: outcome.facts, problems: closed.length > 0 ? [gateBroke(step, closed)] : [] }
  } catch (error) {
    if (isAbort(error, run.signal)) throw error
    return { facts: {}, problems: problemsOf(error, options.debug ?? false) }
  }
}

const writeResult = async (
  { step, journal }: StepParts,
  { facts, problems }: Applied,
): Promise<StepEnd> => {
  const [first] = problems
  if (first === undefined) {
    await journal.append({ kind: 'result', step: step.id, outcome: 'done', facts })
    return { outcome: 'done', problems: [] }
  }
  const outcome = isWait(first) ? 'waiting' : 'failed'
  await journal.append({ kind: 'result', step: step.id, outcome, facts: { ...facts, problems } })
  return { outcome, problems }
}

const stopAtGates = async (
  { step, journal }: StepParts,
  closed: readonly ClosedGate[],
): Promise<StepEnd> => {
  const facts = { gates: closed.map(({ title, because }) => ({ title, because })) }
  const problem = stoppedAtGates(step, closed)
  const outcome = isWait(problem) ? 'waiting' : 'failed'
  await journal.append({ kind: 'result', step: step.id, outcome, facts })
  return { outcome, problems: [problem] }
}

const brokenInvariants = async ({ run, options }: StepParts): Promise<readonly Diagnostic[]> =>
  errorsAmong(await options.checkInvariants(run))
