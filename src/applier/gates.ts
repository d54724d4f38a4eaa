import { unread } from '../steps/gates/reading.ts'
import type { Gate, Run } from '../steps/step-kind.ts'
import type { Pause } from './apply-options.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2000

/** A gate that does not hold, and why. */
export interface ClosedGate {
  readonly title: string
  readonly because: string
  readonly worthWaiting: boolean
  readonly hasStopped?: true
  /** It holds by itself after so many milliseconds. */
  readonly holdsInMs?: number
  /** True: nobody could be asked. */
  readonly unread?: true
}

export interface WaitedForGates {
  /** Empty: all hold, read in one go. */
  readonly closed: readonly ClosedGate[]
  /** True if at least one had to be waited for. */
  readonly waited: boolean
}

/**
 * Reads all gates again and again until all hold in one and the same reading, one of them is not worth waiting for, or the time is up.
 * All are read each time: a gate may watch something over time (a quiet source), and people see everything that is missing. What holds by itself
 * after a known time is waited for also when the time is up: no run would ever see it where nothing may be waited for.
 * Rejects when `run.signal` is aborted.
 */
export const waitForGates = async (
  gates: readonly Gate[],
  run: Run,
  pause: Pause,
): Promise<WaitedForGates> => {
  const deadline = run.now().getTime() + run.gateTimeoutMs
  let pauseMs = FIRST_PAUSE_MS
  for (let waited = false; ; waited = true) {
    run.signal.throwIfAborted()
    const closed = await readGates(gates, run, 'before')
    if (closed.length === 0 || closed.some((gate) => !gate.worthWaiting)) return { closed, waited }
    const leftMs = deadline - run.now().getTime()
    const holdInMs = holdsIn(closed)
    if (leftMs <= 0 && holdInMs === undefined) return { closed, waited }
    run.report({
      kind: 'waiting',
      gates: closed.map(({ title, because }) => ({ title, because })),
    })
    await pause(Math.min(pauseMs, holdInMs ?? leftMs), run.signal)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
}

/** After how many milliseconds all of them hold by themselves; undefined: not all do. */
const holdsIn = (closed: readonly ClosedGate[]): number | undefined => {
  let most = 1
  for (const { holdsInMs } of closed) {
    if (holdsInMs === undefined) return undefined
    most = Math.max(most, holdsInMs)
  }
  return most
}

/**
 * The gates that no longer hold once a step is done: those that must outlast it, read again. A broker that does not answer for a moment
 * says nothing of them, so it is asked again for as long as gates are waited for.
 */
export const brokenAfter = async (
  gates: readonly Gate[],
  run: Run,
  pause: Pause,
): Promise<readonly ClosedGate[]> => {
  const lasting = gates.filter((gate) => gate.after)
  const deadline = run.now().getTime() + run.gateTimeoutMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const closed = await readGates(lasting, run, 'after')
    const leftMs = deadline - run.now().getTime()
    if (closed.every((gate) => !gate.unread) || leftMs <= 0) return closed
    run.report({ kind: 'waiting', gates: closed.map(({ title, because }) => ({ title, because })) })
    await pause(Math.min(pauseMs, leftMs), run.signal)
  }
}

/** The gates that do not hold now. */
const readGates = async (
  gates: readonly Gate[],
  run: Run,
  moment: 'before' | 'after',
): Promise<readonly ClosedGate[]> => {
  const read = await Promise.all(gates.map((gate) => readGate(gate, run, moment)))
  return read.filter((reading) => reading !== undefined)
}

/** Undefined: it holds. */
const readGate = async (
  gate: Gate,
  run: Run,
  moment: 'before' | 'after',
): Promise<ClosedGate | undefined> => {
  try {
    const reading = await gate.check(run, moment)
    if (reading.holds) return undefined
    const { title = gate.title, holds: _, ...why } = reading
    return { title, ...why }
  } catch (error) {
    return { title: gate.title, because: unread(error), worthWaiting: true, unread: true }
  }
}
