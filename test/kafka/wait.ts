import { setTimeout as pause } from 'node:timers/promises'

/** Limits are for machines that do nothing else: one that is busy, or slow, gets this much more before a wait is given up. */
const PATIENCE = 3

/**
 * Asks again and again until the question is answered with something other than undefined.
 * An attempt that throws counts as "not yet", and its error is shown if the time runs out; what
 * `orFail` throws ends the wait at once.
 */
export async function waitFor<T>(
  what: string,
  options: { timeoutMs: number; everyMs?: number; orFail?: () => void },
  question: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const limitMs = options.timeoutMs * PATIENCE
  const deadline = performance.now() + limitMs
  let last: unknown
  while (performance.now() < deadline) {
    options.orFail?.()
    try {
      const answer = await question()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error
    }
    await pause(options.everyMs ?? 50)
  }
  const why = last instanceof Error ? `: ${last.message}` : ''
  throw new Error(`Waited ${limitMs / 1000} s for ${what}${why}`, { cause: last })
}
