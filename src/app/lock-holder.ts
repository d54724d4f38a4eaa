import { hostname, userInfo } from 'node:os'
import type { Plan } from '../domain/plan.ts'
import type { LockHolder } from '../state/state-store.ts'

/** This process, for whoever finds the lock taken. */
export const lockHolder = (operation: string, since: Date): LockHolder => ({
  user: userInfo().username,
  host: hostname(),
  pid: process.pid,
  operation,
  since: since.toISOString(),
})

/** What a plan is run for, as one would type it: whoever waits for the lock learns how long that may take, and whom to ask. Pure. */
export const operationOf = ({
  migration,
  purpose,
  to,
}: Pick<Plan, 'migration' | 'purpose' | 'to'>): string => {
  switch (purpose.kind) {
    case 'migrate':
      return `apply ${migration} to ${to}`
    case 'rollback':
      return `rollback ${migration} to ${purpose.to}`
    case 'resync':
      return `resync ${migration}, topics ${some(purpose.topics)}`
    case 'accept-gap':
      return `resync ${migration}, accepted gaps ${some(purpose.gaps)}`
  }
}

/** One line of a message is no place for a thousand topics. */
const SHOWN = 3

const some = (names: readonly string[]): string =>
  names.length > SHOWN
    ? `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`
    : names.join(', ')
