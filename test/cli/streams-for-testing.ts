import type { Streams } from '../../src/cli/streams.ts'

export interface TestStreams extends Streams {
  /** What was written, in all. */
  readonly out: () => string
  readonly err: () => string
  /** Presses Ctrl-C. */
  readonly interrupt: () => void
  readonly asked: readonly string[]
}

export interface TestStreamsOptions {
  readonly tty?: boolean
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What the person types, one after the other; then the input ends. */
  readonly answers?: readonly string[]
}

/** Streams that keep what is written to them. No spinner: progress comes as lines. */
export const streamsForTesting = (options: TestStreamsOptions = {}): TestStreams => {
  const written = { out: '', err: '' }
  const tty = options.tty ?? false
  const first = new AbortController()
  const second = new AbortController()
  const answers = [...(options.answers ?? [])]
  const asked: string[] = []
  return {
    stdout: {
      write: (text) => {
        written.out += text
      },
    },
    stderr: {
      write: (text) => {
        written.err += text
      },
    },
    isTty: { stdin: tty, stdout: tty, stderr: tty },
    columns: 100,
    rows: 40,
    env: options.env ?? {},
    cwd: options.cwd ?? '/nowhere',
    terminal: undefined,
    interrupts: { first: first.signal, second: second.signal },
    now: () => new Date('2025-03-02T10:00:00.000Z'),
    ask: async (question) => {
      asked.push(question)
      return answers.shift()
    },
    out: () => written.out,
    err: () => written.err,
    interrupt: () => (first.signal.aborted ? second : first).abort(),
    asked,
  }
}
