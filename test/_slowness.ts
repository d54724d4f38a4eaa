import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What the fixed work of `_usual-work.ts` takes where our limits hold. */
const USUAL_SECONDS = 1

/** The output of a script in a process of its own. */
export const outputOf = async (...argv: string[]): Promise<string> => {
  const args = ['--import', 'tsx', ...argv]
  return (await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 })).stdout
}

/**
 * How many times as much CPU as there this machine needs now for the same work, and at least 1: a limit in seconds of CPU is a promise for one
 * machine, and a slower core may take longer by as much. Asked right behind what took too long, since it depends on who else is at work.
 */
export const slowness = async (): Promise<number> =>
  Math.max(1, Number(await outputOf(join(import.meta.dirname, '_usual-work.ts'))) / USUAL_SECONDS)
