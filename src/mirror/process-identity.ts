import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Which process a member of the mirror's group is. */
export interface ProcessIdentity {
  readonly host: string
  /** Of the machine's last start; empty where the system does not say. Container hosts may share a name, and pids start over. */
  readonly bootId: string
  readonly pid: number
  /** Of the namespace that the pid counts in: two containers of one machine have their own. */
  readonly pidSpace: string
}

const readOr = (read: () => string, otherwise: string): string => {
  try {
    return read().trim()
  } catch {
    return otherwise
  }
}

/** This process. */
export const ownIdentity = (): ProcessIdentity => ({
  host: hostname(),
  bootId: readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), ''),
  pid: process.pid,
  pidSpace: readOr(() => readlinkSync('/proc/self/ns/pid'), ''),
})

/**
 * True only if that process is known to be gone: it was of this host and this start of it, and nothing has its pid. Where anything is
 * unknown, the answer is no, and its session has to end by itself.
 */
export const isKnownDead = (
  other: ProcessIdentity,
  own: ProcessIdentity,
  isAlive: (pid: number) => boolean = pidIsAlive,
): boolean =>
  own.bootId !== '' &&
  other.bootId === own.bootId &&
  other.host === own.host &&
  other.pidSpace === own.pidSpace &&
  !isAlive(other.pid)

const pidIsAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
