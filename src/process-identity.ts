import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * What tells one process from a later one that was given the same number. Empty where the system does not say (no /proc): then only
 * a number that nobody has proves that a process is gone.
 */
export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  /** Containers with one host name may each have a process 1. */
  readonly pidNamespace: string
  readonly machine: string
  /** Changes when the machine starts. */
  readonly boot: string
  /** Clock ticks from boot to the process's start. */
  readonly started: string
}

/** As seen from this process, now. `started` is empty if there is no process of this number. */
export const identityOf = (pid: number): ProcessIdentity => ({
  host: hostname(),
  pid,
  pidNamespace: reading(() => readlinkSync('/proc/self/ns/pid')),
  machine: reading(() => readFileSync('/etc/machine-id', 'utf8').trim()),
  boot: reading(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
  started: statOf(pid)?.started ?? '',
})

/** True only if it is certain that the process does not run any more. */
export const isGone = (process: ProcessIdentity): boolean => {
  const now = identityOf(process.pid)
  if (process.host !== now.host) return false
  if (process.boot !== now.boot) {
    // This machine was started again, unless it is another one with the same host name.
    return process.machine !== '' && process.machine === now.machine
  }
  if (process.pidNamespace !== now.pidNamespace) return false
  if (!exists(process.pid)) return true
  const stat = statOf(process.pid)
  if (stat === undefined) return false
  return stat.zombie || (process.started !== '' && process.started !== stat.started)
}

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Of proc(5): `pid (comm) state ppid ...`, where comm may hold anything, also `)`; starttime is field 22. */
const statOf = (
  pid: number,
): { readonly zombie: boolean; readonly started: string } | undefined => {
  const stat = reading(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const started = fields[19]
  return started === undefined ? undefined : { zombie: fields[0] === 'Z', started }
}

const reading = (read: () => string): string => {
  try {
    return read()
  } catch {
    return ''
  }
}
