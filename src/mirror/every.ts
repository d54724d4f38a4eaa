import { pause } from './wait.ts'

/**
 * What is done again and again rests so many times as long as it took, but no longer than this: to save a thousand partitions in files takes
 * a third of a second of CPU, and was a tenth of all that was used while they were copied.
 */
const REST = 20
const LONGEST_REST_MS = 10_000

/** Does it every `ms`, or less often where it takes long, until the signal. An error of it ends nothing. */
export const every = async (
  ms: number,
  act: () => Promise<void>,
  options: {
    readonly signal: AbortSignal
    readonly warn: (message: string) => void
    /** Where it must not be late. */
    readonly longestRestMs?: number
  },
): Promise<void> => {
  const { signal, warn, longestRestMs = LONGEST_REST_MS } = options
  for (let tookMs = 0; !signal.aborted; ) {
    try {
      await pause(Math.max(ms, Math.min(tookMs * REST, longestRestMs)), signal)
      const began = performance.now()
      await act().finally(() => {
        tookMs = performance.now() - began
      })
    } catch (error) {
      if (!signal.aborted) warn(String(error))
    }
  }
}
