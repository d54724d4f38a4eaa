import { setTimeout as pause } from 'node:timers/promises'

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
  const deadline = performance.now() + options.timeoutMs
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
  throw new Error(`Waited ${options.timeoutMs / 1000} s for ${what}${why}`, { cause: last })
}
