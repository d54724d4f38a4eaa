import { setTimeout as sleep } from 'node:timers/promises'
import type { Answers } from '../domain/answers.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { Fault } from './faults.ts'

/** For each thing that was asked: its value, or why there is none. */
export type Outcomes<K, V> = Map<K, { readonly value: V } | Fault>

export interface Patience {
  /** How long what is retriable is tried again. */
  readonly retryMs: number
  readonly signal: AbortSignal | undefined
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

/**
 * Asks about many things until each has an answer. What failed for now (a leader moves, a coordinator loads) is asked again, with growing
 * pauses, until the time is up; the rest is final. What an attempt does not mention is `leftOut`, never absent.
 */
export const settle = async <K, V>(
  things: Iterable<K>,
  attempt: (pending: readonly K[], round: number) => Promise<Outcomes<K, V>>,
  leftOut: (thing: K) => Fault,
  patience: Patience,
): Promise<Answers<K, V>> => {
  const ok = new Map<K, V>()
  const failed = new Map<K, Diagnostic>()
  const started = performance.now()
  let pending = [...new Set(things)]
  for (let round = 0; pending.length > 0; round++) {
    patience.signal?.throwIfAborted()
    const outcomes = await attempt(pending, round)
    const waited = performance.now() - started
    const again: K[] = []
    for (const thing of pending) {
      const outcome = outcomes.get(thing) ?? leftOut(thing)
      if (!(outcome instanceof Fault)) ok.set(thing, outcome.value)
      else if (outcome.retriable && waited < patience.retryMs) again.push(thing)
      else failed.set(thing, outcome.retriable ? waitedFor(outcome, waited) : outcome.diagnostic)
    }
    pending = again
    if (pending.length > 0) await pause(round, patience.signal)
  }
  return { ok, failed }
}

/** Each pause is twice the one before. */
export const pause = (round: number, signal: AbortSignal | undefined): Promise<void> =>
  sleep(Math.min(FIRST_PAUSE_MS * 2 ** round, LONGEST_PAUSE_MS), undefined, {
    ...(signal !== undefined && { signal }),
  })

const waitedFor = (fault: Fault, ms: number): Diagnostic => {
  const seconds = (ms / 1000).toFixed(1)
  return diagnostic({
    ...fault.diagnostic,
    detail: `${fault.diagnostic.detail} It was tried again for ${seconds} s.`,
  })
}
