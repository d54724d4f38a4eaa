import { readFileSync } from 'node:fs'

/** What the kernel says of a process. */
export interface ProcessNumbers {
  /** User and system, of all its threads, since it began. */
  readonly cpuSeconds: number
  /** The most that was ever resident. */
  readonly peakRssMB: number
}

/** `USER_HZ`, the same on every Linux. */
const TICKS_PER_SECOND = 100

/** Linux only: `/proc/<pid>/stat` (fields 14 and 15) and `status` (VmHWM). Throws when the process is gone. */
export const numbersOf = (pid: number): ProcessNumbers => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is a name in brackets, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    peakRssMB: (Number(peak?.[1]) * 1024) / 1e6,
  }
}
