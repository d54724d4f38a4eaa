import type { Ora } from 'ora'
import { clip, MAX_COLUMNS, printable, wrap } from '../views/text.ts'
import type { Streams } from './streams.ts'
import { withoutNumbers } from './without-numbers.ts'

/** What is going on, on stderr: live lines on a terminal, now and then some lines elsewhere. */
export interface Progress {
  /**
   * What is being done or waited for now, and what there is to say below it; replaces what was reported before. Elsewhere than on a terminal a
   * line that differs from the last one only in its numbers is printed `numbersEveryMs` after that at the earliest.
   */
  report(line: string, details?: readonly string[], numbersEveryMs?: number): void
  /** A line that stays. */
  note(line: string): void
  /** Takes the live lines away, before anything else is printed. */
  clear(): void
}

/** Elsewhere than on a terminal a log should not grow by a line per record, and by blocks of lines even slower. */
const LINE_EVERY_MS = 3000
const BLOCK_EVERY_MS = 9000

export const QUIET: Progress = { report: () => {}, note: () => {}, clear: () => {} }

export const startProgress = (streams: Streams, quiet: boolean): Progress => {
  if (quiet) return QUIET
  return streams.terminal === undefined ? lines(streams) : spinner(streams, streams.terminal)
}

/** A line for a log, on as many as it needs. */
const wrapped = (line: string): string => `${wrap(line, MAX_COLUMNS - 2).join('\n  ')}\n`

const lines = (streams: Streams): Progress => {
  let pending: { readonly line: string; readonly block: string; readonly every: number } | undefined
  const shown = { line: '', block: '' }
  let timer: NodeJS.Timeout | undefined
  let sinceLine = 0
  let sinceBlock = BLOCK_EVERY_MS
  const print = (): void => {
    sinceLine += LINE_EVERY_MS
    sinceBlock += LINE_EVERY_MS
    if (pending === undefined || pending.line === shown.line) return
    const { line, block, every } = pending
    if (withoutNumbers(line) === withoutNumbers(shown.line) && sinceLine < every) return
    const withBlock = block !== shown.block && sinceBlock >= BLOCK_EVERY_MS
    streams.stderr.write(withBlock ? `${line}${block}` : line)
    shown.line = line
    sinceLine = 0
    if (!withBlock) return
    shown.block = block
    sinceBlock = 0
  }
  const clear = (): void => {
    clearInterval(timer)
    timer = undefined
    pending = undefined
  }
  return {
    report: (line, details = [], every = LINE_EVERY_MS) => {
      const block = details.map((each) => `${printable(each)}\n`).join('')
      pending = { line: wrapped(line), block, every }
      timer ??= setInterval(print, LINE_EVERY_MS).unref()
    },
    note: (line) => streams.stderr.write(wrapped(line)),
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
    report: (line, details = []) => {
      const below = details.map((detail) => clip(detail, streams.columns - 1))
      text = [line.replaceAll('\n', ' '), ...below].map(printable).join('\n')
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
      streams.stderr.write(`${printable(line)}\n`)
      show()
    },
    clear: () => {
      text = undefined
      ora?.stop()
    },
  }
}
