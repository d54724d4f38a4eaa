import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { waitFor } from './wait.ts'

/**
 * Runs a command as a child of a shell that holds the read end of a pipe from us. When we die, even
 * by `kill -9`, the pipe closes and the shell kills the command. The first line of output is the
 * command's pid, all of the command's own output goes to the log file.
 */
const GUARD = `
log=$1; shift
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
pid=$!
echo $pid
exec >/dev/null
{ read -r _ <&3; kill -9 $pid; } 2>/dev/null &
watcher=$!
exec 3<&-
wait $pid
code=$?
kill $watcher 2>/dev/null
exit $code
`

/** Waits for the same pipe to close, then runs the given cleanup until it has succeeded. */
const REAPER = `
cat >/dev/null
i=0
while [ $i -lt 100 ]; do "$@" && exit 0; i=$((i+1)); sleep 0.1; done
`

/** A process that cannot outlive this one. */
export interface GuardedProcess {
  readonly pid: number
  readonly exited: boolean
  /** Sends a signal and waits until the process is gone (not for SIGSTOP and SIGCONT). */
  kill(signal?: NodeJS.Signals, timeoutMs?: number): Promise<void>
}

/** Starts a command that dies with this process; its output is appended to a log file. */
export async function spawnGuarded(
  command: readonly string[],
  log: string,
): Promise<GuardedProcess> {
  // Its own session, so that a Ctrl-C in the terminal reaches us only and we stop things in order.
  const shell = spawn('/bin/sh', ['-c', GUARD, 'guard', log, ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  })
  let exited = false
  shell.once('exit', () => {
    exited = true
    shell.stdin?.destroy()
  })
  const [line] = (await once(shell.stdout!, 'data')) as [Buffer]
  const pid = Number.parseInt(line.toString(), 10)
  release(shell)
  return {
    pid,
    get exited() {
      return exited
    },
    async kill(signal = 'SIGKILL', timeoutMs = 30_000) {
      if (!exited) sendSignal(pid, signal)
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
      await waitFor(`process ${pid} to exit`, { timeoutMs, everyMs: 10 }, () => exited || undefined)
    },
  }
}

/** Starts the cleanup of a cluster: the command runs when this process ends, however it ends. */
export function spawnReaper(cleanup: readonly string[]): { dismiss(): void } {
  const shell = spawn('/bin/sh', ['-c', REAPER, 'reaper', ...cleanup], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  release(shell)
  return { dismiss: () => void shell.kill('SIGKILL') }
}

/** A forgotten broker must not keep a script from ending: its end is what cleans up. */
function release(child: ChildProcess): void {
  child.unref()
  for (const stream of [child.stdin, child.stdout]) {
    stream?.on('error', () => {})
    ;(stream as unknown as { unref?: () => void } | null)?.unref?.()
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The last lines of a log file, or a word that there is none. */
export function tail(path: string, bytes = 8_192): string {
  if (!existsSync(path)) return '(no log)'
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const buffer = Buffer.alloc(Math.min(size, bytes))
    readSync(file, buffer, 0, buffer.length, size - buffer.length)
    return buffer.toString()
  } finally {
    closeSync(file)
  }
}
