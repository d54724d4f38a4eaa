import { hostname, userInfo } from 'node:os'
import type { LockHolder } from '../state/state-store.ts'

/** This process, for whoever finds the lock taken. */
export const lockHolder = (operation: string, since: Date): LockHolder => ({
  user: userInfo().username,
  host: hostname(),
  pid: process.pid,
  operation,
  since: since.toISOString(),
})
