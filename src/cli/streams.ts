import { createInterface } from 'node:readline/promises'

/** Where a command's text goes. A command never touches `process`, so that tests can run it whole. */
export interface TextSink {
  write(text: string): void
}

/** Everything a command may use of the process it runs in. */
export interface Streams {
  /** The result, and nothing else. */
  readonly stdout: TextSink
  /** Progress, warnings and errors. */
  readonly stderr: TextSink
  readonly isTty: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }
  /** Of the terminal, as it is now; 100 where there is none. */
  readonly columns: number
  /** Of the terminal, as it is now; 40 where there is none. */
  readonly rows: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Where a spinner may draw; undefined where progress must be plain lines. */
  readonly terminal: NodeJS.WriteStream | undefined
  readonly interrupts: Interrupts
  now(): Date
  /** One line from the person at the terminal; undefined at the end of input. Never called without one. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>
}

/** Ctrl-C or SIGTERM: the first asks to stop after the current step, the second stops at once. */
export interface Interrupts {
  readonly first: AbortSignal
  readonly second: AbortSignal
}

/** Somebody may have deleted it since: then nothing is found in it, and --chdir leads elsewhere. */
const workingFolder = (): string => {
  try {
    return process.cwd()
  } catch {
    return process.env.PWD ?? '/'
  }
}

/** The streams of this process. */
export const processStreams = (interrupts: Interrupts): Streams => ({
  stdout: { write: (text) => void process.stdout.write(text) },
  stderr: { write: (text) => void process.stderr.write(text) },
  isTty: {
    stdin: process.stdin.isTTY === true,
    stdout: process.stdout.isTTY === true,
    stderr: process.stderr.isTTY === true,
  },
  get columns() {
    return process.stdout.columns ?? process.stderr.columns ?? 100
  },
  get rows() {
    return process.stdout.rows ?? 40
  },
  env: process.env,
  cwd: workingFolder(),
  terminal: process.stderr.isTTY === true ? process.stderr : undefined,
  interrupts,
  now: () => new Date(),
  ask: async (question, signal) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    const ended = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)))
    // Without this, readline keeps Ctrl-C for itself and the question cannot be left.
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    try {
      return await Promise.race([lines.question(question, { signal }), ended])
    } finally {
      lines.close()
    }
  },
})
