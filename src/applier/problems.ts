import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import { CODES } from '../domain/diagnostic-codes.ts'
import type { ReachedStage } from '../domain/stage.ts'
import type { Step } from '../domain/step.ts'
import type { ClosedGate } from './gates.ts'

/** What was thrown, as diagnostics; what is not a FerryError is a bug. */
export const problemsOf = (error: unknown, debug: boolean): readonly Diagnostic[] => {
  if (error instanceof FerryError) return error.diagnostics
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const stack = debug && error instanceof Error ? `\n${error.stack}` : ''
  return [
    diagnostic({
      code: 'FERRY1901',
      detail: `${said}${stack}`,
      fix: 'Run the same again with --log-level debug and report what it prints. What was done is in the journal; apply continues.',
    }),
  ]
}

/** True if this came of an abort: the reason of the signal itself, or an AbortError, also as the cause of something. */
export const isAbort = (error: unknown, signal: AbortSignal): boolean => {
  if (!signal.aborted) return false
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each === signal.reason || each.name === 'AbortError') return true
  }
  return error === signal.reason
}

export const errorsAmong = (problems: readonly Diagnostic[]): readonly Diagnostic[] =>
  problems.filter((problem) => problem.severity === 'error')

/** Its code says that nothing is wrong: do what it names and apply again. */
export const isWait = (problem: Diagnostic): boolean => CODES[problem.code].exitCode === 7

export const stoppedAtGates = ({ id }: Step, closed: readonly ClosedGate[]): Diagnostic =>
  stoppedBefore({ what: id, is: 'was not begun', goesOn: 'it continues with this step' }, closed)

export const stageNotReached = (stage: ReachedStage, closed: readonly ClosedGate[]): Diagnostic =>
  stoppedBefore(
    { what: `The stage ${stage}`, is: 'was not reached', goesOn: 'it goes on from there' },
    closed,
  )

interface Before {
  readonly what: string
  readonly is: string
  readonly goesOn: string
}

const stoppedBefore = ({ what, is, goesOn }: Before, closed: readonly ClosedGate[]): Diagnostic => {
  const stopped = closed.filter((gate) => gate.hasStopped)
  if (stopped.length > 0) {
    return diagnostic({
      code: 'FERRY1504',
      detail: `${what} ${is}: ${listed(stopped)}.`,
      fix: `See to what stopped it, then apply again: ${goesOn}.`,
    })
  }
  const stuck = closed.filter((gate) => !gate.worthWaiting)
  return diagnostic({
    code: stuck.length > 0 ? 'FERRY1502' : 'FERRY1501',
    detail: `${what} waits for: ${listed(stuck.length > 0 ? stuck : closed)}.`,
    fix: `See to it, then apply again: ${goesOn}.`,
  })
}

export const gateBroke = (step: Step, closed: readonly ClosedGate[]): Diagnostic =>
  diagnostic({
    code: 'FERRY1503',
    detail: `While ${step.id} ran, this stopped to hold: ${listed(closed)}.`,
    fix: 'See to it, then apply again: the step looks at what is there and does what is missing.',
  })

const listed = (closed: readonly ClosedGate[]): string =>
  closed.map((gate) => `${gate.title} (${gate.because})`).join('; ')
