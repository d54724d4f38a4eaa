import type { Ora } from 'ora'
import type { Streams } from './streams.ts'

/** What is going on, on stderr: a live line on a terminal, now and then a line elsewhere. */
export interface Progress {
  /** What is being done or waited for now; replaces what was reported before. */
  report(line: string): void
  /** A line that stays. */
  note(line: string): void
  /** Takes the live line away, before anything else is printed. */
  clear(): void
}

/** Elsewhere than on a terminal a log should not grow by a line per record. */
const LINE_EVERY_MS = 3000

export const QUIET: Progress = { report: () => {}, note: () => {}, clear: () => {} }

export const startProgress = (streams: Streams, quiet: boolean): Progress => {
  if (quiet) return QUIET
  return streams.terminal === undefined ? lines(streams) : spinner(streams, streams.terminal)
}

const lines = (streams: Streams): Progress => {
  let pending: string | undefined
  let shown: string | undefined
  let timer: NodeJS.Timeout | undefined
  const print = (): void => {
    if (pending !== undefined && pending !== shown) streams.stderr.write(`${pending}\n`)
    shown = pending
  }
  const clear = (): void => {
    clearInterval(timer)
    timer = undefined
    pending = undefined
  }
  return {
    report: (line) => {
      pending = line
      timer ??= setInterval(print, LINE_EVERY_MS).unref()
    },
    note: (line) => streams.stderr.write(`${line}\n`),
    clear,
  }
}

const spinner = (streams: Streams, terminal: NodeJS.WriteStream): Progress => {
  let text: string | undefined
  let ora: Ora | undefined
  let loading = false
  const show = (): void => {
    if (text === undefined || ora === undefined) return
    ora.text = text
    if (!ora.isSpinning) ora.start()
  }
  return {
    report: (line) => {
      text = line.replaceAll('\n', ' ')
      if (ora === undefined && !loading) {
        loading = true
        // Imported when first needed: `ferry --help` must not pay for it.
        void import('ora').then((module) => {
          // discardStdin puts the terminal into raw mode and takes Ctrl-C away from us.
          ora = module.default({ stream: terminal, discardStdin: false })
          show()
        })
      }
      show()
    },
    note: (line) => {
      ora?.stop()
      streams.stderr.write(`${line}\n`)
      show()
    },
    clear: () => {
      text = undefined
      ora?.stop()
    },
  }
}
