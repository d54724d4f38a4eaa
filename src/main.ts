#!/usr/bin/env node
import { run } from './cli/run.ts'
import { processStreams } from './cli/streams.ts'

/** The only file that ends the process. Everything else answers an exit code or throws. */

/** Connections that do not close must not keep a finished command alive. */
const LINGER_MS = 1000

const first = new AbortController()
const second = new AbortController()
const interrupt = (): void => (first.signal.aborted ? second : first).abort()
process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)

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
    setTimeout(() => process.exit(), LINGER_MS).unref()
  })
}
