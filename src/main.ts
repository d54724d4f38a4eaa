#!/usr/bin/env node
import { run } from './cli/run.ts'
import { processStreams } from './cli/streams.ts'

/** The only file that ends the process. Everything else answers an exit code or throws. */

/** Connections that do not close must not keep a finished command alive. */
const LINGER_MS = 1000

/** A thread that is busy for longer is held by what may never come. */
const HELD_MS = 500
const POLL_MS = 20

/** As EXIT of src/cli/exit-codes.ts says; shells say it of a process that a SIGINT has ended, too. */
const INTERRUPTED = 130

const first = new AbortController()
const second = new AbortController()
/** The first: stop after the current step. The second: stop now, in order. The third: be gone. */
const interrupt = (): void => {
  if (second.signal.aborted) leave(INTERRUPTED)
  else (first.signal.aborted ? second : first).abort()
}
const SIGNALS = ['SIGINT', 'SIGTERM'] as const
for (const signal of SIGNALS) process.on(signal, interrupt)

// A reader that has seen enough (`ferry plan | head`) is not an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const crashed = (error: unknown): void => {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const stack = process.argv.join(' ').match(/--log-level[ =]debug/) && (error as Error)?.stack
  process.stderr.write(
    `error FERRY1901 Internal error\n  ${stack || message}\n  fix: Run the same again with --log-level debug and report what it prints.\n`,
  )
  end(1)
}
process.on('uncaughtException', crashed)
process.on('unhandledRejection', crashed)

end(
  await run(process.argv.slice(2), processStreams({ first: first.signal, second: second.signal })),
)

/** Pipes are written asynchronously: the process ends when they are empty, and not before. */
function end(code: number): void {
  process.exitCode = code
  const flushed = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
  )
  void Promise.allSettled(flushed).then(() => {
    setTimeout(() => leave(code), LINGER_MS).unref()
  })
}

/** To exit is to wait for the threads, and one of them may wait for ever: for a pipe, a disk that is away, a name server. A signal does not wait. */
function leave(code: number, patienceMs = HELD_MS): void {
  for (const signal of SIGNALS) process.removeListener(signal, interrupt)
  if (!first.signal.aborted || !isHeld()) process.exit(code)
  // Mostly it is a file that is just being written, and shells are not all there is to read an exit code.
  if (patienceMs > 0) setTimeout(() => leave(code, patienceMs - POLL_MS), POLL_MS)
  else process.kill(process.pid, 'SIGINT')
}

function isHeld(): boolean {
  return process.getActiveResourcesInfo().some((each) => /^(FSReq|Get\w+InfoReq)/.test(each))
}
