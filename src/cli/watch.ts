import { pauseUntil } from '../app/pause.ts'
import type { Context } from './context.ts'

/** A page that is shown again and again. */
export interface Watch {
  /** On a terminal in place of the page before, elsewhere below it. */
  show(page: string): void
  /** Until the next look; ends early with the signal, and never rejects. */
  pause(signal: AbortSignal): Promise<void>
}

const TERMINAL_EVERY_MS = 2000
/** A log should not grow by a page every other second. */
const BLOCK_EVERY_MS = 10_000

const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

export const openWatch = ({ streams }: Pick<Context, 'streams'>, asLines: boolean): Watch => {
  const inPlace = streams.isTty.stdout && !asLines && streams.env.TERM !== 'dumb'
  let isFirst = true
  return {
    show: (page) => {
      if (inPlace) {
        streams.stdout.write(fitted(page, streams.rows))
      } else {
        streams.stdout.write(`${isFirst || asLines ? '' : '\n'}${page}`)
      }
      isFirst = false
    },
    pause: (signal) => pauseUntil(inPlace ? TERMINAL_EVERY_MS : BLOCK_EVERY_MS, signal),
  }
}

/** Written over what stands there, line by line, so that nothing flickers; what the screen cannot hold is counted, not scrolled away. */
const fitted = (page: string, rows: number): string => {
  const lines = page.trimEnd().split('\n')
  const room = Math.max(rows - 2, 5)
  const shown =
    lines.length <= room
      ? lines
      : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`]
  return `${HOME}${shown.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`
}
